"""Cleanup: uploads that time has run out for, and what they and others leave behind.

Bounded batches in keyset order; each row is decided again under its lock; safe to stop and repeat.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from rindle_django import events
from rindle_django.conf import config
from rindle_django.errors import RequestRefused, TransientFailure
from rindle_django.models import Asset, Attachment, UploadSession
from rindle_django.operations.retention import count_old_history, prune_history
from rindle_django.profiles import registered
from rindle_django.purge import discard, purge
from rindle_django.states import OPEN_SESSION_STATES, VERIFIED_ASSET_STATES
from rindle_django.storage import adapter_for
from rindle_django.uploads import expire_session

logger = logging.getLogger(__name__)
M = TypeVar("M", bound=Model)
BATCH = 500
TEMPORARY_AGE = 86_400.0


@dataclass
class AbortReport:
    """Counts of one run of ``abort_incomplete_uploads``."""

    dry_run: bool = False
    sessions_found: int = 0
    sessions_aborted: int = 0
    abort_errors: int = 0

    def raise_if_incomplete(self) -> None:
        """For the worker: have the task tried again when some upload could not be ended."""
        if self.abort_errors:
            raise TransientFailure("uploads_not_ended", count=self.abort_errors)


@dataclass
class CleanupReport:
    """Counts of one run of ``cleanup_orphans``; ``*_waiting`` is what a late writer still holds."""

    dry_run: bool = True
    assets_found: int = 0
    sessions_found: int = 0
    sessions_deleted: int = 0
    objects_found: int = 0
    objects_deleted: int = 0
    objects_waiting: int = 0
    storage_errors: int = 0
    temporary_swept: int = 0
    history_found: int = 0
    history_pruned: int = 0

    def raise_if_incomplete(self) -> None:
        """For the worker: have the task tried again when the storage balked."""
        if self.storage_errors:
            raise TransientFailure(
                "storage_unavailable",
                alias="",
                operation="delete",
                detail=f"{self.storage_errors} objects not confirmed",
            )


def abort_incomplete_uploads(*, dry_run: bool = False, limit: int | None = None) -> AbortReport:
    """Mark uploads whose time is over as expired. Their bytes are left to ``cleanup_orphans``."""
    report = AbortReport(dry_run=dry_run)
    overdue = UploadSession.objects.select_related("asset").filter(
        state__in=OPEN_SESSION_STATES, expires_at__lte=Now()
    )
    for session in _in_batches(overdue, limit):
        report.sessions_found += 1
        if not dry_run:
            _expire(session, report)
    _tell("abort_incomplete_uploads", report)
    return report


def _expire(session: UploadSession, report: AbortReport) -> None:
    try:
        report.sessions_aborted += expire_session(session)
    except Exception:
        logger.exception("Upload session %s could not be expired", session.pk)
        report.abort_errors += 1


def cleanup_orphans(
    *, dry_run: bool = True, storage: str | None = None, limit: int | None = None
) -> CleanupReport:
    """Remove what nothing needs: ended uploads, old quarantined and unattached assets.

    ``storage`` narrows to assets of one STORAGES alias. Each asset is deleted in its own storage
    (W1.15, U9). Objects that the storage does not confirm stay in the ledger and are counted.
    """
    report = CleanupReport(dry_run=dry_run)
    orphans = _orphans()
    if storage is not None:
        orphans = orphans.filter(storage=storage)
    for asset in _in_batches(orphans, limit):
        _count(asset, report)
        if not dry_run:
            _remove(asset, report)
    if not dry_run:
        report.temporary_swept = _sweep_storages(storage)
    else:
        logger.warning(
            "Cleanup ran dry: %s assets and %s objects would go, nothing was deleted.",
            report.assets_found,
            report.objects_found,
        )
    if storage is None:  # history is of no storage
        _prune_history(report, limit)
    _tell("cleanup_orphans", report)
    return report


def _prune_history(report: CleanupReport, limit: int | None) -> None:
    report.history_found = count_old_history()
    if not report.dry_run:
        report.history_pruned = prune_history(limit)


def _sweep_storages(only: str | None) -> int:
    """What killed writes left behind in the storages that profiles use."""
    aliases = {profile.storage for profile in registered() if only in (None, profile.storage)}
    return sum(adapter_for(alias).sweep_temp(TEMPORARY_AGE) for alias in sorted(aliases))


def _orphans() -> QuerySet[Asset]:
    ended = UploadSession.objects.filter(
        asset=OuterRef("pk"), state__in=("aborted", "expired", "failed")
    )
    due = Q(state="staged") & Exists(ended) | Q(state="deleted")
    if (ttl := config().QUARANTINE_TTL) is not None:
        due |= Q(state="quarantined", updated_at__lte=Now() - timedelta(seconds=ttl))
    if (ttl := config().UNATTACHED_TTL) is not None:
        due |= Q(state__in=VERIFIED_ASSET_STATES, updated_at__lte=Now() - timedelta(seconds=ttl))
    attached = Attachment.objects.filter(asset=OuterRef("pk"))
    return Asset.objects.filter(due).exclude(Exists(attached))


def _count(asset: Asset, report: CleanupReport) -> None:
    report.assets_found += 1
    report.sessions_found += asset.sessions.count()
    report.objects_found += asset.objects_ledger.exclude(state="gone").count()


def _remove(asset: Asset, report: CleanupReport) -> None:
    sessions = asset.sessions.count()
    try:
        # Only in the state it was found in: unquarantined meanwhile, it is wanted.
        discard(asset.pk, only_from={asset.state})
        outcome = purge(asset.pk)
    except RequestRefused:
        return  # a purge that ran meanwhile has dropped it: nothing is left, nothing failed
    except Exception:
        logger.exception("Asset %s could not be cleaned up", asset.pk)
        report.storage_errors += 1
        return
    report.objects_deleted += outcome.deleted
    report.storage_errors += outcome.kept
    if outcome.dropped:
        report.sessions_deleted += sessions
    else:
        report.objects_waiting += asset.objects_ledger.filter(state="doomed").count()


def _in_batches(rows: QuerySet[M], limit: int | None) -> Iterator[M]:
    """All of ``rows`` by ascending key, a bounded number in memory, up to ``limit``."""
    last, served = None, 0
    while limit is None or served < limit:
        batch = rows.order_by("pk")
        if last is not None:
            batch = batch.filter(pk__gt=last)
        size = BATCH if limit is None else min(BATCH, limit - served)
        found = list(batch[:size])
        yield from found
        if len(found) < size:
            return
        last, served = found[-1].pk, served + len(found)


def _tell(worker: str, report: Any) -> None:
    counts = {name: int(value) for name, value in asdict(report).items() if name != "dry_run"}
    events.emit("rindle.cleanup.run", {"worker": worker, "dry_run": report.dry_run}, counts)
