"""Stalled jobs: what dead workers left in ``doing`` is marked as failed.

Only housekeeping, so that the queue's tables tell the truth: our rows ring again by themselves,
whatever their jobs look like. Never retries: a second run beside a living one would help nobody.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connections, transaction
from procrastinate import sql
from procrastinate.contrib.django import app

from rindle_django.claims import writing_time
from rindle_django.conf import config, database

# Procrastinate's own default; projects change it by PROCRASTINATE_WORKER_DEFAULTS.
STALLED_WORKER_TIMEOUT = 30.0

# A job is dead once it has run for long enough and nobody holds a lease on its asset. Long enough
# is a lease's time if its worker is gone or silent, and ``patience`` under a living one, where it
# is ``doing`` for ever when the statement that should have ended it failed.
#
# A worker that drains after SIGTERM is silent, too, and its job may be alive without a lease (a
# purge): that job's end is then refused by Procrastinate, logged, and the worker goes on.
STALLED = """
SELECT job.id
FROM procrastinate_jobs AS job
LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
-- Anybody can write a job: arguments that are no id must not stop the others.
CROSS JOIN LATERAL (
    SELECT CASE WHEN job.args->>'asset_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                THEN (job.args->>'asset_id')::uuid END AS asset_id
    ) AS about
WHERE job.status = 'doing'
  AND job.task_name LIKE 'rindle:%%'
  AND coalesce(
        (SELECT max(event.at) FROM procrastinate_events AS event
         WHERE event.job_id = job.id AND event.type = 'started'),
        '-infinity')
      <= now() - CASE
        WHEN worker.id IS NULL OR worker.last_heartbeat <= now() - %(silence)s THEN %(silence)s
        ELSE %(patience)s END
  AND NOT EXISTS (
        SELECT FROM rindle_asset
        WHERE id = about.asset_id AND lease_until > now())
  AND NOT EXISTS (
        SELECT FROM rindle_variant
        WHERE rindle_variant.asset_id = about.asset_id AND lease_until > now())
ORDER BY job.id
LIMIT %(limit)s
"""
ALONE = "FOR UPDATE OF job SKIP LOCKED"


def fail_stalled(limit: int, *, dry_run: bool = False) -> int:
    """Mark up to ``limit`` of the library's dead jobs as failed; returns how many."""
    with transaction.atomic(using=database()), connections[database()].cursor() as cursor:
        cursor.execute(STALLED if dry_run else STALLED + ALONE, {**_patience(), "limit": limit})
        dead = [row[0] for row in cursor.fetchall()]
        for job_id in () if dry_run else dead:
            ending = {"job_id": job_id, "status": "failed", "delete_job": False}
            cursor.execute(sql.queries["finish_job"], ending)
    return len(dead)


def _patience() -> dict[str, Any]:
    timeout = float(app.worker_defaults.get("stalled_worker_timeout", STALLED_WORKER_TIMEOUT))
    return {
        "silence": timedelta(seconds=max(timeout, writing_time())),
        "patience": timedelta(seconds=config().STALLED_AFTER),
    }
