"""Puts every known fault back, one at a time, and says which test notices it.

Ends with ``caught: n/n``; the exit code is 0 only if none survives and all could be put back.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import urlsplit

from example_project.services.locks import claim_number
from example_project.services.postgres import ensure_postgres
from tests.durability.mutants.bench import ROOT, Copy, Inapplicable, Inconclusive, Mutant
from tests.durability.mutants.faults import MUTANTS
from tests.plugins.postgres import VAR


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    chosen = [each for each in MUTANTS if not options.only or each.name in options.only]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rindle-mutants-") as folder:
        caught = _conduct(chosen, Path(folder), options.jobs)
    print(f"{time.monotonic() - began:.0f} s")
    print(f"caught: {caught}/{len(chosen)}")
    return 0 if caught == len(chosen) else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.durability.mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="How many to try at a time.")
    parser.add_argument(
        "--only", action="append", metavar="NAME", choices=[each.name for each in MUTANTS],
        help="Try this one alone; may be given several times.",
    )  # fmt: skip
    return parser.parse_args(arguments)


def _conduct(mutants: Sequence[Mutant], folder: Path, jobs: int) -> int:
    """How many were caught; none if some cannot be put back or the tests are red without them."""
    if misfits := [problem for each in mutants if (problem := _misfit(each))]:
        print(*misfits, sep="\n")
        return 0
    copies = _copies(folder, jobs)
    with ThreadPoolExecutor(jobs) as pool:
        if not all(pool.map(_green, copies, _shared_out(mutants, jobs))):
            return 0
        free: SimpleQueue[Copy] = SimpleQueue()
        for copy in copies:
            free.put(copy)
        return sum(pool.map(lambda each: _try_out(each, free), mutants))


def _misfit(mutant: Mutant) -> str:
    try:
        mutant.applied_to((ROOT / mutant.file).read_text(encoding="utf-8"))
    except Inapplicable as problem:
        return str(problem)
    return ""


def _copies(folder: Path, jobs: int) -> list[Copy]:
    name = f"rindle_{claim_number(VAR / 'sessions')}"
    server = urlsplit(ensure_postgres(VAR / "postgres", database=name, durable=False))
    database = server.path.removeprefix("/")
    return [
        Copy(folder / str(number), server._replace(path=f"/{database}_m{number}").geturl())
        for number in range(jobs)
    ]


def _shared_out(mutants: Sequence[Mutant], jobs: int) -> list[list[str]]:
    """All tests that are to catch something, each file in one copy."""
    tests = sorted({test for each in mutants for test in each.tests})
    files = sorted({test.partition("::")[0] for test in tests})
    return [[each for each in tests if each.partition("::")[0] in files[n::jobs]]
            for n in range(jobs)]  # fmt: skip


def _green(copy: Copy, tests: Sequence[str]) -> bool:
    """Whether the tests pass with nothing changed. Makes the copy's database on the way."""
    done = copy.run(tests or ["tests/races/test_table.py"], "--create-db")
    if done.returncode != 0:
        print(done.stdout)
        print("Without any fault put back, these tests are not green.")
    return done.returncode == 0


def _try_out(mutant: Mutant, free: SimpleQueue[Copy]) -> bool:
    copy = free.get()
    try:
        verdict = copy.try_out(mutant)
    except Inconclusive as problem:
        print(*problem.args, sep="\n")
        return False
    finally:
        free.put(copy)
    if verdict.caught_by:
        print(f"caught    {mutant.name} ({verdict.seconds:.1f} s) by {verdict.caught_by}")
    else:
        print(f"SURVIVED  {mutant.name} ({mutant.puts_back})\n{verdict.output}")
    sys.stdout.flush()
    return bool(verdict.caught_by)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
