"""``python -m tests.durability.chaos.throughput``: what a restart and steady deaths cost.

A backlog that never ends, and a few workers, each started again whenever it ends. Measured is how
many jobs' worth of assets become ready in a second: undisturbed, from 60 to 90 s after a restart
of Postgres, and while every ten seconds one of the workers is killed. The storage is far away, so
that it is the workers' time that is scarce, and not that of a machine which others use, too.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Callable

import psycopg
from django.db import Error, connections
from procrastinate.exceptions import ConnectorException

from tests.durability.chaos.household import Household
from tests.durability.chaos.journal import BOARD, Board
from tests.durability.chaos.stage import Stage, opened
from tests.durability.chaos.worker import worker

WORKERS = 4
WARM_UP, BASELINE, AFTER, WINDOW, KILLING, EVERY = 10.0, 30.0, 60.0, 30.0, 60.0, 10.0
RESTART_BAR, KILL_BAR = 0.95, 0.90
AHEAD = 150  # uploads that wait at any time

WAITING = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"
READY = """
SELECT count(*) FROM rindle_transition WHERE subject = 'asset' AND to_state = 'ready'
AND at >= to_timestamp(%s) AND at < to_timestamp(%s)
"""


def main() -> int:
    with opened({}, {}) as stage:
        return _run(stage)


def _run(stage: Stage) -> int:
    BOARD.set(Board.DISTANT, True)
    household = Household(
        {"worker": worker(concurrency=3), "feeder": lambda: _feed(stage.url)},
        stage.folder / "log",
    )
    try:
        for role in ["feeder"] + ["worker"] * WORKERS:
            household.start(role)
        _pass(household, WARM_UP)
        baseline = _rate(stage, household, BASELINE)
        stage.cluster.restart("fast")
        _pass(household, AFTER)
        restarted = _rate(stage, household, WINDOW)
        killed = _rate(stage, household, KILLING, _killer(household))
    finally:
        household.kill_all()
    print(f"baseline: {baseline:.1f} assets ready in a second, by {WORKERS} workers")
    print(f"60 to 90 s after a restart of Postgres: {restarted:.1f}")
    print(f"with a kill every {EVERY:.0f} s: {killed:.1f}")
    print(f"restart: {restarted / baseline:.2f} kills: {killed / baseline:.2f}")
    return int(restarted / baseline < RESTART_BAR or killed / baseline < KILL_BAR)


def _feed(url: str) -> None:
    """Uploads, so that there is always more to do than can be done, and never much more."""
    from rindle_django import upload
    from rindle_django.errors import TransientFailure
    from tests.durability.chaos.client import pdf, snap
    from tests.kit import named

    turn = 0
    while True:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                row = connection.execute(WAITING).fetchone()
            for _ in range(AHEAD - (row[0] if row else AHEAD)):
                turn += 1
                if turn % 3:
                    upload("note", named(pdf(), "note.pdf"))
                else:
                    upload("snap", named(snap(), "snap.jpg"))
        except (psycopg.Error, Error, ConnectorException, TransientFailure):
            connections.close_all()
        time.sleep(0.2)


def _pass(household: Household, seconds: float, act: Callable[[], None] | None = None) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        household.look_after()
        if act is not None:
            act()
        time.sleep(0.02)


def _rate(
    stage: Stage, household: Household, seconds: float, act: Callable[[], None] | None = None
) -> float:
    began = time.time()
    _pass(household, seconds, act)
    ended = time.time()
    with psycopg.connect(stage.url, autocommit=True) as connection:
        row = connection.execute(READY, [began, ended]).fetchone()
    assert row is not None
    return float(row[0]) / (ended - began)


def _killer(household: Household) -> Callable[[], None]:
    due = time.monotonic() + EVERY / 2

    def act() -> None:
        nonlocal due
        if time.monotonic() >= due and (workers := household.of("worker")):
            random.choice(workers).signal(signal.SIGKILL)
            due += EVERY

    return act


if __name__ == "__main__":
    sys.exit(main())
