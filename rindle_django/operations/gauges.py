"""The state of the system as gauges: backlogs, their age, and what should have been done by now.

Nothing is asked of the database unless a project calls ``observe``, and then once a collection:
each question is answered from an index and reads no more than ``MOST`` rows.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from threading import Lock
from typing import Any

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from rindle_django import jobs, telemetry
from rindle_django.conf import config, database
from rindle_django.states import ASSET, OPEN_SESSION_STATES

logger = logging.getLogger(__name__)

# What is counted is counted up to here: a count that is this high means "at least".
MOST = 50_000
# Milliseconds after which a question is given up, and its gauges are left out of the collection.
PATIENCE = 2_000
# All gauges of one collection are of one reading.
SHELF_LIFE = 5.0

Labels = Mapping[str, str]
Reading = tuple[str, float, Labels]

# On its way, or waiting for somebody to look at it. Of those at rest there can be any number.
UNFINISHED = tuple(state for state in ASSET.states if state not in ("available", "ready"))

WAITING = """
SELECT queue_name, count(*),
       extract(epoch FROM max(now() - coalesce(
           scheduled_at,
           CASE WHEN id = first THEN (SELECT min(at) FROM procrastinate_events
                                      WHERE job_id = first AND type = 'deferred') END)))
FROM (
    SELECT id, queue_name, scheduled_at,
           min(id) FILTER (WHERE scheduled_at IS NULL) OVER (PARTITION BY queue_name) AS first
    FROM (SELECT id, queue_name, scheduled_at FROM procrastinate_jobs
          WHERE status = 'todo' ORDER BY priority DESC, id LIMIT %(most)s) AS queued
    WHERE queue_name = ANY(%(queues)s) AND (scheduled_at IS NULL OR scheduled_at <= now())
) AS due
GROUP BY queue_name
"""
DOING = """
SELECT queue_name, count(*) FROM (
    SELECT queue_name FROM procrastinate_jobs
    WHERE status = 'doing' AND worker_id IS NOT NULL LIMIT %(most)s) AS held
WHERE queue_name = ANY(%(queues)s) GROUP BY queue_name
"""
OVERDUE = """
SELECT count(*), extract(epoch FROM now() - min(wake_at)) FROM (
    SELECT wake_at FROM {table}
    WHERE wake_at <= now() - make_interval(secs => %(grace)s) ORDER BY wake_at LIMIT %(most)s
) AS late
"""
LATE_EVENTS = """
SELECT count(*), extract(epoch FROM now() - min(at)) FROM (
    SELECT at FROM rindle_transition
    WHERE emitted_at IS NULL AND at <= now() - make_interval(secs => %(grace)s)
    ORDER BY at LIMIT %(most)s) AS late
"""
IN_STATE = """
SELECT count(*) FROM (SELECT FROM rindle_asset WHERE state = %(state)s LIMIT %(most)s) AS found
"""
FAILED = """
SELECT profile, count(*) FROM (
    SELECT asset_id FROM rindle_variant WHERE state = 'failed'
    ORDER BY updated_at DESC LIMIT %(most)s) AS failed
JOIN rindle_asset ON rindle_asset.id = asset_id GROUP BY profile
"""
# Ordered by when they are due: what waits for its second deletion, a day later, comes last.
DOOMED = """
SELECT storage, attempts > 0, count(*) FROM (
    SELECT storage, state, attempts FROM rindle_storedobject
    WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT %(most)s) AS due
WHERE state = 'doomed' GROUP BY 1, 2
"""
EXPIRED = """
SELECT count(*) FROM (
    SELECT FROM rindle_uploadsession
    WHERE state = ANY(%(states)s) AND expires_at <= now() LIMIT %(most)s) AS over
"""
SCHEDULED = """
SELECT extract(epoch FROM now()) - max(defer_timestamp) FROM procrastinate_periodic_defers
WHERE task_name = %(task)s AND periodic_id = 'rindle'
"""
CLAIMED = {
    "asset": "rindle_asset",
    "variant": "rindle_variant",
    "object": "rindle_storedobject",
}
MAINTENANCE = tuple(job.name for job in jobs.JOBS if job.queue == jobs.RECONCILE.queue)

Rows = Callable[[str, Mapping[str, Any]], list[tuple[Any, ...]]]


@cache
def observe() -> bool:
    """Have the gauges of the system's state collected in this process, from now on.

    Call it in one process, after the meter provider is set up: each that does asks the database at
    each collection. Twice is the same as once. False where OpenTelemetry is not installed.
    """
    if not telemetry.AVAILABLE:
        return False
    shelf = _Shelf()
    for name in telemetry.GAUGES:
        telemetry.observed(name, partial(shelf.readings_of, name))
    return True


def read_state() -> list[Reading]:
    """Each gauge's name, value and labels, read on a connection of its own and closed again."""
    connection = connections[database()].copy()
    try:
        connection.set_autocommit(False)
        return [reading for question in QUESTIONS for reading in _asked(question, connection)]
    except DatabaseError:
        logger.warning("Gauges could not be read", exc_info=True)
        return []
    finally:
        connection.close()


def _asked(question: Callable[[Rows], Iterable[Reading]], on: BaseDatabaseWrapper) -> list[Reading]:
    """One that takes too long must not take the others along."""
    try:
        with on.cursor() as cursor:
            # For this transaction alone: a pool may give the session to somebody else next.
            cursor.execute(f"SET LOCAL statement_timeout = {PATIENCE}")
        return list(question(partial(rows_of, on)))
    except DatabaseError:
        logger.warning("Gauges could not be read: %s", question.__name__, exc_info=True)
        return []
    finally:
        on.rollback()


def rows_of(
    on: BaseDatabaseWrapper, statement: str, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    with on.cursor() as cursor:
        cursor.execute(statement, {"most": MOST, **parameters})
        return list(cursor.fetchall())


# --- questions ---------------------------------------------------------------------------------


def waiting_jobs(rows: Rows) -> Iterator[Reading]:
    found = {queue: (count, age) for queue, count, age in rows(WAITING, {"queues": _queues()})}
    for queue in jobs.QUEUES:
        count, age = found.get(queue, (0, None))
        yield "rindle.queue.jobs", count, {"queue": queue, "status": "waiting"}
        yield "rindle.queue.age", float(age or 0), {"queue": queue}


def running_jobs(rows: Rows) -> Iterator[Reading]:
    found: dict[str, int] = dict(rows(DOING, {"queues": _queues()}))
    for queue in jobs.QUEUES:
        yield "rindle.queue.jobs", found.get(queue, 0), {"queue": queue, "status": "doing"}


def overdue_rows(rows: Rows) -> Iterator[Reading]:
    asked = {subject: OVERDUE.format(table=table) for subject, table in CLAIMED.items()}
    for subject, statement in {**asked, "event": LATE_EVENTS}.items():
        ((count, age),) = rows(statement, {"grace": config().RECONCILE_GRACE})
        yield "rindle.overdue.rows", count, {"subject": subject}
        yield "rindle.overdue.age", float(age or 0), {"subject": subject}


def unfinished_assets(rows: Rows) -> Iterator[Reading]:
    for state in UNFINISHED:
        ((count,),) = rows(IN_STATE, {"state": state})
        yield "rindle.unfinished.assets", count, {"state": state}


def failed_variants(rows: Rows) -> Iterator[Reading]:
    for profile, count in rows(FAILED, {}):
        yield "rindle.failed.variants", count, {"profile": profile}


def objects_to_delete(rows: Rows) -> Iterator[Reading]:
    found: dict[str, dict[str, int]] = defaultdict(lambda: {"waiting": 0, "kept": 0})
    for storage, kept, count in rows(DOOMED, {}):
        found[storage]["kept" if kept else "waiting"] = count
    for storage, counts in found.items():
        for status, count in counts.items():
            yield "rindle.purge.objects", count, {"storage": storage, "status": status}


def expired_uploads(rows: Rows) -> Iterator[Reading]:
    ((count,),) = rows(EXPIRED, {"states": sorted(OPEN_SESSION_STATES)})
    yield "rindle.uploads.expired", count, {}


def silent_schedules(rows: Rows) -> Iterator[Reading]:
    """A task that was never scheduled has no age."""
    for task in MAINTENANCE:
        ((age,),) = rows(SCHEDULED, {"task": task})
        if age is not None:
            yield "rindle.schedule.age", float(age), {"task": task}


QUESTIONS: tuple[Callable[[Rows], Iterable[Reading]], ...] = (
    waiting_jobs,
    running_jobs,
    overdue_rows,
    unfinished_assets,
    failed_variants,
    objects_to_delete,
    expired_uploads,
    silent_schedules,
)


def _queues() -> list[str]:
    return list(jobs.QUEUES)


@dataclass
class _Shelf:
    """The last reading, for all the gauges of one collection."""

    lock: Lock = field(default_factory=Lock)
    taken: float = float("-inf")
    readings: dict[str, list[tuple[float, Labels]]] = field(default_factory=dict)

    def readings_of(self, name: str) -> list[tuple[float, Labels]]:
        with self.lock:
            if time.monotonic() - self.taken > SHELF_LIFE:
                self._fill()
            return self.readings.get(name, [])

    def _fill(self) -> None:
        self.readings = defaultdict(list)
        for name, value, labels in read_state():
            self.readings[name].append((value, labels))
        self.taken = time.monotonic()
