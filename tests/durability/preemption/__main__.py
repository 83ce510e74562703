"""``python -m tests.durability.preemption [--jobs 2] [--pairs verify:purge,...] [--at 7]``.

Prints every schedule that breaks something as the arguments that repeat it alone, and last
``schedules: N violations: M``.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator

from tests.durability.model.ground import own_ground, shared_out
from tests.durability.preemption import UNATTACHED_TTL


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.share:
        return _run(arguments)
    given = [f"--pairs={arguments.pairs}"] if arguments.pairs else []
    given += [f"--at={arguments.at}"] if arguments.at else []
    given += ["--every-statement"] if arguments.every_statement else []
    jobs = arguments.jobs
    began = time.monotonic()
    shares = shared_out(
        __package__ or "", [[*given, f"--share={number}/{jobs}"] for number in range(jobs)]
    )
    return _report(shares, time.monotonic() - began)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--pairs", default="", help="first:second, comma-separated; * for any")
    parser.add_argument("--at", type=int, default=0, help="only this point")
    parser.add_argument("--every-statement", action="store_true", help="points between, too")
    parser.add_argument("--share", default="", help=argparse.SUPPRESS)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    number, of = map(int, arguments.share.split("/"))
    logging.disable(logging.CRITICAL)
    schedules = violations = 0
    with own_ground("preemption", UNATTACHED_TTL=UNATTACHED_TTL):
        from tests.durability.model.world import small_pictures
        from tests.durability.preemption.stage import all_pairs, open_theatre

        patterns = arguments.pairs.split(",") if arguments.pairs else None
        with small_pictures(), open_theatre(every_statement=arguments.every_statement) as theatre:
            for pair in all_pairs(patterns)[number::of]:
                points = theatre.count_of(pair)
                for at in [arguments.at] if arguments.at else range(1, points + 1):
                    verdict = theatre.play(pair, at)
                    schedules += 1
                    violations += bool(verdict.violations)
                    for each in _lines(verdict):
                        print(each)
    print(f"{schedules} {violations}")
    return 0


def _lines(verdict: object) -> Iterator[str]:
    violations = getattr(verdict, "violations", ())
    if violations:
        yield str(verdict)
        yield from (f"    {each}" for each in violations)


def _report(shares: list[tuple[int, list[str]]], seconds: float) -> int:
    schedules = violations = 0
    for returned, lines in shares:
        for line in lines[:-1]:
            print(line)
        if returned != 0 or not lines:
            print(f"a share of the run ended with {returned}")
            return 1
        done, broken = map(int, lines[-1].split())
        schedules, violations = schedules + done, violations + broken
    print(f"{seconds:.0f} seconds")
    print(f"schedules: {schedules} violations: {violations}")
    return int(violations > 0 or schedules == 0)


if __name__ == "__main__":
    raise SystemExit(main())
