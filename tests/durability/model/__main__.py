"""``python -m tests.durability.model --steps 20000 [--jobs 2] [--seed S]``: many histories.

Prints how often each rule fired, and last ``steps: N examples: M violations: V``.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import traceback
from collections import Counter

from tests.durability.model.ground import own_ground, shared_out

EXAMPLES, STEPS = 25, 80
ENOUGH = 5
"""Violations after which a run stops: each is reduced, which takes its time."""


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.share:
        return _run(arguments.steps, arguments.seed)
    each = -(-arguments.steps // arguments.jobs)
    shares = shared_out(
        __package__ or "",
        [
            ["--share", f"--steps={each}", f"--seed={arguments.seed + number}"]
            for number in range(arguments.jobs)
        ],
    )
    return _report(arguments.steps, shares)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", action="store_true", help=argparse.SUPPRESS)
    return parser


def _run(steps: int, first: int) -> int:
    """One process's share: batches of histories, each batch from a seed of its own."""
    logging.disable(logging.CRITICAL)
    with own_ground("model"):
        from tests.durability.model.machine import FIRED, RULES
        from tests.durability.model.world import weathered

        examples = violations = batches = 0
        with weathered():
            while FIRED.total() < steps and violations < ENOUGH:
                seed = first * 1_000_003 + batches
                batches += 1
                examples += EXAMPLES
                violations += _one_batch(seed)
                told = f"seed {seed}: {FIRED.total()} of {steps} steps, {violations} violations"
                print(told, file=sys.stderr, flush=True)
    counts = {name: FIRED[name] for name in RULES}
    print(json.dumps({"examples": examples, "violations": violations, "fired": counts}))
    return 0


def _one_batch(seed: int) -> int:
    import hypothesis
    from hypothesis.stateful import get_state_machine_test

    from tests.durability.model.machine import Machine

    settings = hypothesis.settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    try:
        hypothesis.seed(seed)(get_state_machine_test(Machine, settings=settings))()
    except Exception:
        print(f"violation in the batch of seed {seed}", file=sys.stderr)
        traceback.print_exc()
        return 1
    return 0


def _report(steps: int, shares: list[tuple[int, list[str]]]) -> int:
    fired: Counter[str] = Counter()
    examples = violations = 0
    for returned, lines in shares:
        print("\n".join(lines[:-1]))
        if returned != 0 or not lines:
            print(f"a share of the run ended with {returned}")
            return 1
        share = json.loads(lines[-1])
        examples += share["examples"]
        violations += share["violations"]
        fired.update(dict.fromkeys(share["fired"], 0))
        fired.update(share["fired"])
    silent = [name for name in fired if not fired[name]]
    for name, count in sorted(fired.items()):
        print(f"{count:>8}  {name}")
    for name in silent:
        print(f"{name} never fired")
    print(f"steps: {fired.total()} examples: {examples} violations: {violations}")
    return int(violations > 0 or fired.total() < steps or bool(silent))


if __name__ == "__main__":
    raise SystemExit(main())
