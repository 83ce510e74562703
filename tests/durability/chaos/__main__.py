"""``python -m tests.durability.chaos --minutes 2``"""

from __future__ import annotations

import argparse
import faulthandler
import os
import secrets
import signal
import sys

from tests.durability.chaos.plan import Plan
from tests.durability.chaos.stage import opened


def main() -> int:
    faulthandler.register(signal.SIGUSR1)  # tells where it is
    plan = _parse()
    print(f"{plan} in process {os.getpid()}", flush=True)
    with opened(plan.rindle, plan.worker) as stage:
        from tests.durability.chaos.run import Run  # Django has its settings only now

        return 0 if Run(plan, stage).go() else 1


def _parse() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m tests.durability.chaos")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--rate", type=float, default=24.0, help="uploads begun in a second")
    parser.add_argument("--lease", type=int, default=3, help="in seconds")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    chosen = parser.parse_args()
    return Plan(
        seconds=chosen.minutes * 60,
        workers=chosen.workers,
        clients=chosen.clients,
        rate=chosen.rate,
        seed=chosen.seed,
        lease=chosen.lease,
    )


if __name__ == "__main__":
    sys.exit(main())
