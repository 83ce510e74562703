"""``python -m tests.durability.chaos.recovery``: how long after kill -9 work goes on, by default.

Forty-eight workers each hold a variant whose source takes for ever to come; each is killed at
another moment of a lease's renewal. Healthy workers beside them have nothing to do. Measured is,
by the rows, from each kill to the next claim of what was held. All settings are the shipped ones.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from dataclasses import dataclass

import psycopg

from tests.durability.chaos.household import Household
from tests.durability.chaos.journal import BOARD, FAULTS, Board, lines
from tests.durability.chaos.stage import Stage, opened
from tests.durability.chaos.worker import worker

VICTIMS = 48
HEALTHY = 2
P50, P99 = 45.0, 90.0
PATIENCE = 200.0
CONNECTIONS = 600

HELD = "SELECT count(*) FROM rindle_variant WHERE lease_until > now() AND fence = 1"
RETAKEN = "SELECT count(DISTINCT variant_id) FROM rindle_processingrun WHERE fence > 1"


@dataclass(frozen=True)
class Killing:
    at: float
    pid: int


def main() -> int:
    with opened({}, {}, connections=CONNECTIONS) as stage:
        return _run(stage)


def _run(stage: Stage) -> int:
    _upload_snaps()
    BOARD.set(Board.SLOW, True)
    household = Household(
        {"victim": worker(concurrency=1), "worker": worker(concurrency=4)}, stage.folder / "log"
    )
    household.restarting = {"worker"}
    try:
        for _ in range(VICTIMS):
            household.start("victim")
        _wait_for(stage, household, HELD, 2 * VICTIMS, 90)
        _wait_until_all_crawl(household)
        BOARD.set(Board.SLOW, False)  # for who downloads from now on
        for _ in range(HEALTHY):
            household.start("worker")
        killings = _kill_in_turn(household)
        _wait_for(stage, household, RETAKEN, 2 * VICTIMS, PATIENCE)
    finally:
        household.kill_all()
    return _tell(killings)


def _upload_snaps() -> None:
    """Pictures that are promoted already, each with its variants waiting to be made."""
    from django.db import connections

    from rindle_django import upload
    from rindle_django.testing import drain_jobs
    from tests.durability.chaos.client import snap
    from tests.kit import named

    for _ in range(VICTIMS):
        upload("snap", named(snap(), "snap.jpg"))
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    connections.close_all()


def _wait_for(stage: Stage, household: Household, query: str, count: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    with psycopg.connect(stage.url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            household.look_after()
            row = connection.execute(query).fetchone()
            if row is not None and row[0] >= count:
                return
            time.sleep(0.1)
    print(f"In vain: {count} rows from {query}; there are {row}", file=sys.stderr)


def _wait_until_all_crawl(household: Household) -> None:
    """Who has claimed may not have begun to read yet, and would not be slow at all."""
    deadline = time.monotonic() + PATIENCE
    while sum(1 for _ in lines(FAULTS)) < VICTIMS and time.monotonic() < deadline:
        household.look_after()
        time.sleep(0.1)


def _kill_in_turn(household: Household) -> list[Killing]:
    """Each within the time of one renewal, so that leases have every age between old and new."""
    from rindle_django.conf import config

    moments = sorted(random.uniform(0, config().LEASE / 3) for _ in range(VICTIMS))
    began, killings = time.monotonic(), []
    for moment, victim in zip(moments, household.of("victim"), strict=True):
        while time.monotonic() - began < moment:
            household.look_after()
            time.sleep(0.01)
        killings.append(Killing(time.time(), victim.pid))
        victim.signal(signal.SIGKILL)
    return killings


def _tell(killings: list[Killing]) -> int:
    from rindle_django.conf import config
    from rindle_django.jobs import DEFAULT_SCHEDULES
    from tests.durability.chaos.report import percentile, resumptions

    waited = resumptions([(each.pid, each.at) for each in killings], PATIENCE)
    p50, p99 = percentile(waited, 0.5), percentile(waited, 0.99)
    print(f"LEASE {config().LEASE} s, grace {config().RECONCILE_GRACE} s, {DEFAULT_SCHEDULES}")
    print(f"least: {min(waited, default=0):.1f} s most: {max(waited, default=0):.1f} s")
    print(f"recovered: {len(waited)} p50: {p50:.1f} s p99: {p99:.1f} s")
    # Each of the victims held all variants of one picture.
    return int(len(waited) < 2 * VICTIMS or not (p50 <= P50 and p99 <= P99))


if __name__ == "__main__":
    sys.exit(main())
