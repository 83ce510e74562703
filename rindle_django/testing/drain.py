"""Running queued jobs in the test's own thread and on its own connection, retries included."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction
from procrastinate import JobContext, exceptions as procrastinate_exceptions
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from rindle_django.conf import database

NEXT_JOB = """
UPDATE procrastinate_jobs SET status = 'doing' WHERE id = (
    SELECT id FROM procrastinate_jobs
    WHERE status = 'todo' AND task_name LIKE 'rindle:%%'
      AND (%(early)s OR scheduled_at IS NULL OR scheduled_at <= now())
      AND (%(queues)s::text[] IS NULL OR queue_name = ANY(%(queues)s))
    ORDER BY priority DESC, scheduled_at NULLS FIRST, id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, queue_name, task_name, args, attempts, priority
"""


@dataclass(frozen=True)
class JobOutcome:
    """One run of one job; ``error`` is what it raised."""

    task: str
    arguments: dict[str, Any]
    error: BaseException | None


def drain_jobs(
    *, queues: Collection[str] | None = None, early: bool = False, limit: int = 1000
) -> list[JobOutcome]:
    """Run the library's due jobs until none is left, and those that they queue.

    ``early`` runs jobs before their time, so that no test waits for a retry's delay. Jobs that
    raise are retried as a worker would. Stops after ``limit`` runs, which guards against loops.
    """
    outcomes: list[JobOutcome] = []
    while len(outcomes) < limit and (job := _take(queues, early)) is not None:
        outcomes.append(_run(job))
    return outcomes


def _take(queues: Collection[str] | None, early: bool) -> Job | None:
    parameters = {"early": early, "queues": list(queues) if queues else None}
    with transaction.atomic(using=database()), connections[database()].cursor() as cursor:
        cursor.execute(NEXT_JOB, parameters)
        row = cursor.fetchone()
    if row is None:
        return None
    identity, queue, task, arguments, attempts, priority = row
    if isinstance(arguments, str):
        arguments = json.loads(arguments)
    return Job(
        id=identity,
        queue=queue,
        task_name=task,
        task_kwargs=arguments,
        attempts=attempts,
        priority=priority,
        lock=None,
        queueing_lock=None,
    )


def _run(job: Job) -> JobOutcome:
    context = JobContext(app=app, job=job, start_timestamp=time.time(), abort_reason=lambda: None)
    task = app.tasks[job.task_name]
    error: BaseException | None = None
    try:
        task.func(context, **job.task_kwargs)
    except Exception as raised:
        error = raised
    _end(job, task, error)
    return JobOutcome(job.task_name, dict(job.task_kwargs), error)


def _end(job: Job, task: Any, error: BaseException | None) -> None:
    retry = task.get_retry_exception(exception=error, job=job) if error else None
    status, when = "succeeded" if error is None else "failed", None
    if isinstance(retry, procrastinate_exceptions.JobRetry):
        status, when = "todo", retry.retry_decision.retry_at
    with connections[database()].cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = %s, attempts = attempts + 1,"
            " scheduled_at = coalesce(%s, scheduled_at) WHERE id = %s",
            [status, when, job.id],
        )
