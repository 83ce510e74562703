"""The queue: whether workers are alive, serve what waits, and end what they began."""

from __future__ import annotations

from collections.abc import Iterator

from rindle_django.claims import writing_time
from rindle_django.jobs import QUEUES
from rindle_django.operations.doctor.diagnosis import Observation, error, ok, warn
from rindle_django.operations.queues import (
    QueueStatus,
    heartbeat_timeout,
    queue_statuses,
    workers,
)
from rindle_django.operations.reading import ENOUGH, for_long, said, select

# A worker polls every 5 seconds, so what waits for a minute is waiting for somebody.
PATIENCE, HOPELESS = 60.0, 600.0
LARGE = 100_000
START = "Start a worker for it: manage.py procrastinate worker -q {queue}."


def alive() -> Iterator[Observation]:
    living, known = workers()
    if living:
        yield ok(f"{said(living, 'worker')} alive.")
        return
    due = sum(status.waiting for status in queue_statuses())
    say = error if due else warn
    silent = f", {said(known, 'worker')} fell silent" if known else ""
    yield say(
        f"No worker is alive{silent}; {said(due, 'job')} of ours due.",
        "Start one: manage.py procrastinate worker.",
    )


def worker_missing() -> Iterator[Observation]:
    living, _ = workers()
    for status in queue_statuses():
        if status.waiting and not status.workers:
            yield from _unserved(status, living)


def _unserved(status: QueueStatus, living: int) -> Iterator[Observation]:
    waited = status.oldest_seconds or 0.0
    if waited < PATIENCE:
        return
    fix = START.format(queue=status.queue)
    waiting = (
        f"{said(status.waiting, 'job')} due in {status.queue}, the oldest for {for_long(waited)}"
    )
    if not living:
        yield error(f"{waiting}; no worker is alive.", fix)
    elif waited < HOPELESS and _shared_backlog(status.queue):
        yield warn(f"{waiting}; the workers that are alive are busy with older jobs.", fix)
    else:
        yield error(f"{waiting}; none of the workers that are alive serves it.", fix)


# A worker takes the job that is first by priority and id of all its queues: one that is busy with
# what comes before ours may well serve ours too.
_BEFORE = """
SELECT EXISTS (
    SELECT FROM procrastinate_jobs other,
        (SELECT priority, id FROM procrastinate_jobs
         WHERE status = 'todo' AND queue_name = %(queue)s
           AND (scheduled_at IS NULL OR scheduled_at <= now())
         ORDER BY priority DESC, id LIMIT 1) head
    WHERE other.status = 'doing' AND other.queue_name <> %(queue)s
      AND (other.priority > head.priority
           OR other.priority = head.priority AND other.id < head.id))
"""


def _shared_backlog(queue: str) -> bool:
    return bool(select(_BEFORE, {"queue": queue})[0][0])


_STALLED = """
SELECT count(*) FROM (
    SELECT FROM procrastinate_jobs job
    LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND job.queue_name = ANY(%s)
      AND (worker.id IS NULL OR worker.last_heartbeat < now() - %s * interval '1 second')
    LIMIT %s + 1) dead
"""


def stalled() -> Iterator[Observation]:
    ((dead,),) = select(_STALLED, [[*QUEUES], max(heartbeat_timeout(), writing_time()), ENOUGH])
    if dead:
        yield warn(
            f"{said(dead, 'job')} marked as running under workers that are gone.",
            "Run rindle_reconcile, which closes them; their rows are rung for again by themselves.",
        )


def size() -> Iterator[Observation]:
    ((rows,),) = select(
        "SELECT count(*) FROM (SELECT FROM procrastinate_jobs LIMIT %s) part", [LARGE + 1]
    )
    if rows > LARGE:
        yield warn(
            f"The table of jobs has more than {LARGE:,} rows.",
            "Have workers delete what is done: PROCRASTINATE_WORKER_DEFAULTS = {'delete_jobs': "
            "'successful'}; delete the old ones with Procrastinate's remove_old_jobs.",
        )
