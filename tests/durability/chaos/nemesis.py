"""The nemesis: it breaks things at seeded moments, and counts what it has broken.

It lives in the harness's only thread, and keeps no connection open between two deeds, so that the
harness can fork at any time.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from tests.durability.chaos.database import Shaken
from tests.durability.chaos.household import Household, Member, fork
from tests.durability.chaos.processes import children_of

PATIENCE = 2  # seconds that a deed waits for a database that is away

SAMPLE = (
    "SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND task_name LIKE 'rindle:%'"
    " ORDER BY random() LIMIT 5"
)
DEEDS_ON_JOBS = {
    "jobs duplicated": "INSERT INTO procrastinate_jobs"
    " (queue_name, task_name, priority, args, status, scheduled_at, attempts)"
    " SELECT queue_name, task_name, priority, args, status, scheduled_at, attempts"
    f" FROM procrastinate_jobs WHERE id IN ({SAMPLE}) AND queueing_lock IS NULL",
    "jobs deleted": f"DELETE FROM procrastinate_jobs WHERE id IN ({SAMPLE})",
    "jobs frozen": f"UPDATE procrastinate_jobs SET status = 'doing' WHERE id IN ({SAMPLE})",
}
TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = %s
    ORDER BY random() LIMIT 1) AS chosen
"""


@dataclass
class Nemesis:
    """``deeds`` counts what was done; ``killed`` keeps when each worker was killed, by its id."""

    household: Household
    cluster: Shaken
    url: str
    lease: float
    seconds: float
    seed: int
    deeds: Counter[str] = field(default_factory=Counter)
    killed: list[tuple[int, float]] = field(default_factory=list)
    agenda: list[tuple[float, int, str]] = field(default_factory=list)
    restarts: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._restarting: int | None = None
        self._pauses: dict[str, tuple[float, Callable[[], None]]] = {
            "kill worker": (1.05, self._kill_worker),
            "kill client": (12.0, self._kill_client),
            "kill decoder": (7.0, self._kill_decoder),
            "stop worker": (2.5 * self.lease, self._stop_worker),
            "restart": (max(4.5, self.seconds / 5.5), self._restart_postgres),
            "terminate": (1.5, self._terminate_backend),
            **{name: (2.5, self._do_to_jobs(name)) for name in DEEDS_ON_JOBS},
        }
        for number, name in enumerate(self._pauses):
            self._plan(name, number, time.monotonic())

    def act(self) -> None:
        """Do what is due by now."""
        now = time.monotonic()
        self._wake_the_stopped(now)
        while self.agenda and self.agenda[0][0] <= now:
            _, number, name = heapq.heappop(self.agenda)
            self._pauses[name][1]()
            self._plan(name, number, now)

    def rest(self) -> None:
        """Take back what is not over by itself."""
        self.agenda.clear()
        for member in self.household.members.values():
            member.signal(signal.SIGCONT)
        while self._still_restarting():
            time.sleep(0.05)
            self.household.look_after()

    def _plan(self, name: str, number: int, now: float) -> None:
        pause = self._pauses[name][0] * self.chance.uniform(0.6, 1.3)
        heapq.heappush(self.agenda, (now + pause, number, name))

    def _somebody(self, role: str) -> Member | None:
        # Who has been stopped is left to wake up: it is then that it must have lost its claims.
        candidates = [each for each in self.household.of(role) if each.stopped_until is None]
        return self.chance.choice(candidates) if candidates else None

    # --- processes -----------------------------------------------------------------------------

    def _kill_worker(self) -> None:
        if (member := self._somebody("worker")) is not None:
            member.signal(signal.SIGKILL)
            self.killed.append((member.pid, time.time()))
            self.deeds["workers killed"] += 1

    def _kill_client(self) -> None:
        if (member := self._somebody("client")) is not None:
            member.signal(signal.SIGKILL)
            self.deeds["clients killed"] += 1

    def _kill_decoder(self) -> None:
        decoders = children_of({each.pid for each in self.household.of("worker")})
        if decoders:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.chance.choice(sorted(decoders)), signal.SIGKILL)
                self.deeds["decoders killed"] += 1

    def _stop_worker(self) -> None:
        if (member := self._somebody("worker")) is not None:
            member.signal(signal.SIGSTOP)
            member.stopped_until = time.monotonic() + 1.5 * self.lease
            self.deeds["workers stopped for 1.5 leases"] += 1

    def _wake_the_stopped(self, now: float) -> None:
        for member in self.household.members.values():
            if member.stopped_until is not None and member.stopped_until <= now:
                member.stopped_until = None
                member.signal(signal.SIGCONT)

    # --- the database --------------------------------------------------------------------------

    def _restart_postgres(self) -> None:
        if self._still_restarting():
            return
        mode = ("immediate", "fast")[len(self.restarts) % 2]
        self._restarting = fork(lambda: self.cluster.restart(mode), self.household.log)
        self.restarts.append((time.time(), mode))
        self.deeds[f"Postgres restarts, {mode}"] += 1

    def _still_restarting(self) -> bool:
        if self._restarting is None:
            return False
        status = self.household.visitors.pop(self._restarting, None)
        if status is None:
            return True
        assert status == 0, "Postgres did not start again"
        self._restarting = None
        return False

    def _terminate_backend(self) -> None:
        with contextlib.suppress(psycopg.Error), self._connected() as connection:
            row = connection.execute(TERMINATE, ["client backend"]).fetchone()
            self.deeds["backends terminated"] += row[0] if row else 0

    def _do_to_jobs(self, name: str) -> Callable[[], None]:
        def do() -> None:
            with contextlib.suppress(psycopg.Error), self._connected() as connection:
                self.deeds[name] += connection.execute(DEEDS_ON_JOBS[name]).rowcount

        return do

    def _connected(self) -> psycopg.Connection[tuple[int, ...]]:
        return psycopg.connect(self.url, autocommit=True, connect_timeout=PATIENCE)
