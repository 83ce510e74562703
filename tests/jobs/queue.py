"""The queue as an outage leaves it, and time as it passes for the reconciler."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import F

from rindle_django.models import Asset, StoredObject, Transition, Variant


def forget_jobs() -> None:
    """All jobs are lost: deleted by hand, or never retried after their worker died."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def jobs(status: str | None = None) -> list[tuple[str, str, int]]:
    """Each job as (task, status, attempts)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT task_name, status::text, attempts FROM procrastinate_jobs ORDER BY id"
        )
        rows: list[tuple[str, str, int]] = cursor.fetchall()
    return [row for row in rows if status in (None, row[1])]


def grace_passes(seconds: float = 3600) -> None:
    """Every clock on our rows is ``seconds`` older than it was."""
    past = timedelta(seconds=seconds)
    claimed: dict[str, Any] = {
        "wake_at": F("wake_at") - past,
        "lease_until": F("lease_until") - past,
    }
    Asset.objects.update(**claimed, purge_requested_at=F("purge_requested_at") - past)
    Variant.objects.update(**claimed)
    StoredObject.objects.update(wake_at=F("wake_at") - past, settles_at=F("settles_at") - past)
    Transition.objects.update(at=F("at") - past)
