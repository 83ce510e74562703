"""``python -m tests.drill``"""

from __future__ import annotations

import argparse
import re
import sys
import time

from tests.drill.exercise import exercise
from tests.drill.faults import FAULTS, Fault
from tests.drill.project import Fell, Project
from tests.drill.stage import opened


def main() -> int:
    chosen = _parse()
    faults = [each for each in FAULTS if re.search(chosen.only, each.name)]
    try:
        with opened() as project:
            project.start_worker()
            mended = sum([_tried(project, fault) for fault in faults])
    except Fell as fall:
        print(f"FAILED to begin: {fall}", flush=True)
        mended = 0
    print(f"named and fixed: {mended}/{len(faults)}", flush=True)
    return 0 if mended == len(faults) else 1


def _tried(project: Project, fault: Fault) -> bool:
    began = time.monotonic()
    try:
        said = exercise(project, fault)
    except Fell as fall:
        print(f"FAILED {fault.name:<18} {fall}", flush=True)
        return False
    took = time.monotonic() - began
    print(f"ok     {fault.name:<18} {took:4.0f} s  {said.what}: {said.fix}", flush=True)
    return True


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drill")
    parser.add_argument("--only", default="", help="faults whose name has this form")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
