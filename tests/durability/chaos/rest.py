"""Coming to rest: waiting until nothing is due, and letting the day pass after which what killed
processes left lying about is swept."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from django.utils import timezone

from rindle_django.models import StoredObject
from rindle_django.operations import cleanup
from rindle_django.operations.reconcile import reconcile
from rindle_django.purge import purge

UNDER_WAY = """
SELECT what, count(*) FROM (
    SELECT 'asset ' || state AS what FROM rindle_asset
    WHERE state NOT IN ('ready', 'degraded', 'quarantined') OR lease_until IS NOT NULL
       OR purge_requested_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM rindle_attachment t WHERE t.asset_id = rindle_asset.id)
    UNION ALL
    SELECT 'variant ' || state FROM rindle_variant
    WHERE state IN ('planned', 'queued', 'processing') OR lease_until IS NOT NULL
    UNION ALL
    SELECT 'object ' || state FROM rindle_storedobject
    WHERE state IN ('expected', 'doomed')
    UNION ALL
    SELECT 'event' FROM rindle_transition WHERE emitted_at IS NULL
    UNION ALL
    SELECT 'job ' || task_name || ' ' || status FROM procrastinate_jobs
    WHERE task_name LIKE 'rindle:%'
      AND (status = 'doing' OR status = 'todo' AND queue_name <> 'rindle_maintenance')
) things GROUP BY what ORDER BY what
"""
HAPPENED = """
SELECT (SELECT coalesce(max(id), 0) FROM rindle_transition)
     + (SELECT count(*) FROM rindle_storedobject WHERE state = 'gone')
"""
DAY = 2 * 86_400
SLOWEST = 0.5  # seconds that a machine may take for each thing that is under way


def under_way(url: str) -> int | None:
    """How much is still to be done; None if the database does not say."""
    found = _answer(url, UNDER_WAY)
    return None if found is None else sum(count for _, count in found)


def left(url: str) -> str:
    """What is still to be done, in words."""
    return ", ".join(f"{count} {what}" for what, count in _answer(url, UNDER_WAY) or ())


def _answer(url: str, query: str) -> list[tuple[Any, ...]] | None:
    with (
        contextlib.suppress(psycopg.Error),
        psycopg.connect(url, autocommit=True, connect_timeout=2) as connection,
    ):
        return connection.execute(query).fetchall()
    return None


def come_to_rest(url: str, patience: float, meanwhile: Callable[[], None]) -> bool:
    """Wait until nothing is under way; False if for ``patience`` seconds nothing happened, or if
    things go on happening for longer than any machine would take."""
    happened, quiet_until = None, time.monotonic() + patience
    end = quiet_until + SLOWEST * (under_way(url) or 0)
    while time.monotonic() < min(end, quiet_until):
        meanwhile()
        if under_way(url) == 0:
            return True
        if (now := _answer(url, HAPPENED)) != happened:
            happened, quiet_until = now, time.monotonic() + patience
        time.sleep(0.3)
    return False


def a_day_passes(folders: tuple[Path, ...]) -> None:
    """What lies about is old now; the maintenance that runs on its schedule finds it."""
    past = time.time() - DAY
    for folder in folders:
        for path in folder.rglob("*"):
            os.utime(path, (past, past))
    reconcile()
    # What was taken back, and whose jobs were lost again and again, may be rung for in an hour.
    soon = timezone.now() + timedelta(hours=1)
    late = StoredObject.objects.filter(state="gone", wake_at__lt=soon).values_list("asset_id")
    for (asset_id,) in set(late):
        purge(asset_id)
    cleanup.cleanup_orphans(dry_run=False)
