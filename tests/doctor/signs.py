"""The vocabulary of these tests: what the doctor says, and a queue as workers leave it."""

from __future__ import annotations

from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command
from django.db import connection

from rindle_django import jobs
from rindle_django.operations.doctor import Diagnosis, diagnose


def said_by(check: str, **options: Any) -> list[Diagnosis]:
    """What one check has to say that is not fine."""
    return [each for each in diagnose(only=[check], **options) if each.status != "ok"]


def told(check: str) -> Diagnosis:
    """The one thing that a check has to say."""
    (diagnosis,) = said_by(check)
    assert diagnosis.fix
    return diagnosis


def run(name: str, *args: str) -> tuple[int, str]:
    """Exit code and standard output of a command; what it refuses is appended."""
    out = StringIO()
    try:
        call_command(name, *args, stdout=out, no_color=True)
    except SystemExit as stop:
        return int(str(stop.code or 0)), out.getvalue()
    except CommandError as refusal:
        return refusal.returncode, f"{out.getvalue()}{refusal}"
    return 0, out.getvalue()


def worker(*, silent_for: float = 0.0) -> int:
    """A worker whose last heartbeat is so many seconds old."""
    return int(
        _one(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - %s * interval '1 second') RETURNING id",
            silent_for,
        )
    )


def job(
    kind: jobs.Job,
    *,
    waits: float = 0.0,
    status: str = "todo",
    held_by: int | None = None,
    due_in: float | None = None,
) -> int:
    """A job that was deferred so many seconds ago."""
    made = int(
        _one(
            "INSERT INTO procrastinate_jobs"
            " (queue_name, task_name, status, worker_id, scheduled_at)"
            " VALUES (%s, %s, %s, %s, now() + %s * interval '1 second') RETURNING id",
            *(kind.queue, kind.name, status, held_by, due_in),
        )
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_events SET at = now() - %s * interval '1 second'"
            " WHERE job_id = %s",
            [waits, made],
        )
    return made


def _one(query: str, *parameters: str | float | None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]
