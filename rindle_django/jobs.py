"""Jobs: their names, queues and tries, and the only way to enqueue one.

A job is enqueued on Django's own connection, so that it commits with the
state change that triggers it, in workers too: there Procrastinate's own ``defer`` would use
another connection, and the job would outlive a rollback.
"""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from django.db import connections, transaction
from django.utils import timezone
from procrastinate import exceptions, manager, sql, tasks
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.types import JSONDict

from rindle_django.conf import config, database

Argument = str | int | bool | None


@dataclass(frozen=True)
class Job:
    """A kind of job. ``tries`` counts the first run; Procrastinate's ``max_attempts`` does not."""

    name: str
    queue: str
    tries: int
    singleton: bool = False


PROMOTE = Job("rindle:promote_asset", "rindle_promote", 3)
PROCESS = Job("rindle:process_variant", "rindle_process", 5)
MEDIA = Job("rindle:process_media_variant", "rindle_media", 5)
PURGE = Job("rindle:purge_storage", "rindle_purge", 3)
CLEANUP = Job("rindle:cleanup_orphans", "rindle_maintenance", 3)
ABORT = Job("rindle:abort_incomplete_uploads", "rindle_maintenance", 3)
SWEEP = Job("rindle:sweep_temp_files", "rindle_maintenance", 3)
RECONCILE = Job("rindle:reconcile", "rindle_maintenance", 1, singleton=True)
BATCH = Job("rindle:go_on_with_batch", "rindle_maintenance", 3)

JOBS = (PROMOTE, PROCESS, MEDIA, PURGE, CLEANUP, ABORT, SWEEP, RECONCILE, BATCH)
QUEUES = tuple(dict.fromkeys(job.queue for job in JOBS))

# What a project may schedule, by its name in the setting.
MAINTENANCE = {
    "abort_incomplete_uploads": ABORT,
    "cleanup_orphans": CLEANUP,
    "sweep_temp_files": SWEEP,
    "reconcile": RECONCILE,
}
# The reconciler is on by default: it is what makes lost jobs come back, and a worker without any
# periodic task stops noticing that its own heartbeat died.
DEFAULT_SCHEDULES = {"reconcile": "* * * * * */10"}


# The priority of what is rung for again: it has waited once already. Mixing priorities is safe
# because no job that works on a row has a lock in the queue.
AGAIN = 10
# The priority of what may wait until nothing fresher does: outputs that are only made anew.
BEHIND = -10


def enqueue(job: Job, *, delay: float = 0.0, priority: int = 0, **arguments: Argument) -> None:
    """Add one job to the current transaction, to start after ``delay`` seconds."""
    enqueue_many(job, [arguments], delay=delay, priority=priority)


def enqueue_many(
    job: Job,
    arguments: Sequence[Mapping[str, Argument]],
    *,
    delay: float = 0.0,
    priority: int = 0,
) -> None:
    """Add jobs of one kind to the current transaction, in one statement."""
    if job.singleton:
        _enqueue_unless_queued(job, arguments, delay=delay, priority=priority)
    elif arguments:
        about = {
            "queue_name": job.queue,
            "task_name": job.name,
            "priority": priority,
            "scheduled_at": _in(delay).isoformat() if delay > 0 else None,
        }
        _insert(about, arguments)


# By the names of its fields, so that it may be given more of them.
_ROWS = """ARRAY(
    SELECT jsonb_populate_record(
        NULL::procrastinate_job_to_defer_v1, %(about)s::jsonb || jsonb_build_object('args', each)
    ) FROM jsonb_array_elements(%(arguments)s::jsonb) each
)"""


def _insert(about: Mapping[str, object], arguments: Sequence[Mapping[str, Argument]]) -> None:
    """Have the database put the jobs together: many take longer to write down here than there."""
    with (
        transaction.mark_for_rollback_on_error(using=database()),
        connections[database()].cursor() as cursor,
    ):
        cursor.execute(
            sql.queries["defer_jobs"].replace("%(jobs)s", _ROWS),
            {
                "about": json.dumps(about),
                "arguments": json.dumps([dict(each) for each in arguments]),
            },
        )


def _enqueue_unless_queued(
    job: Job, arguments: Sequence[Mapping[str, Argument]], *, delay: float, priority: int
) -> None:
    alias = database()
    deferrer = tasks.configure_task(
        name=job.name,
        queue=job.queue,
        priority=priority,
        queueing_lock=job.name,
        schedule_at=_in(delay) if delay > 0 else None,
        job_manager=manager.JobManager(DjangoConnector(alias=alias)),
    )
    try:
        # A savepoint of its own: a refused job must not abort the caller's transaction, which
        # Postgres would then roll back in silence at COMMIT.
        with suppress(exceptions.AlreadyEnqueued), transaction.atomic(using=alias):
            deferrer.batch_defer(*[cast("JSONDict", dict(each)) for each in arguments])
    except exceptions.ConnectorException as error:
        # It is the caller's own database that failed, so it fails by the name the caller knows.
        if error.__cause__ is None:
            raise
        with connections[alias].wrap_database_errors:
            raise error.__cause__ from None


def backoff(attempt: int) -> float:
    """Seconds to wait after failed try number ``attempt`` (from 1): exponential, full jitter."""
    doublings = min(max(attempt - 1, 0), 64)  # beyond that a float overflows, and the cap is met
    ceiling = min(config().BACKOFF_CAP, config().BACKOFF_BASE * 2**doublings)
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311  (jitter, not a secret)


def _in(delay: float) -> datetime.datetime:
    return timezone.now() + datetime.timedelta(seconds=delay)
