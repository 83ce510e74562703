"""Cleanup: uploads that time has run out for, and what they and others leave behind.

Bounded batches, the oldest rows first; each row is decided again under its lock; safe to stop and
repeat. A batch is changed in a few statements but for those rows that somebody holds: these are
waited for one by one, with nothing else held.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast, Now

from rindle_django import events, ledger, telemetry
from rindle_django.conf import config, database
from rindle_django.errors import RequestRefused, TransientFailure
from rindle_django.lifecycle import lock_free_assets, move_all
from rindle_django.models import Asset, Attachment, StoredObject, UploadSession
from rindle_django.moves import Condition, among
from rindle_django.operations.beside import side_by_side
from rindle_django.operations.retention import count_old_history, prune_history
from rindle_django.profiles import Profile, chosen
from rindle_django.progress import advanced
from rindle_django.purge import discard, discard_free, purge
from rindle_django.states import OPEN_SESSION_STATES, VERIFIED_ASSET_STATES
from rindle_django.storage import adapter_for
from rindle_django.uploads import expire_session

logger = logging.getLogger(__name__)
BATCH = 1000
TEMPORARY_AGE = 86_400.0
# As a text: of a batch, only the last one's is ever looked at.
_BORN = Cast("created_at", TextField())


class Overdue(NamedTuple):
    """An upload whose time is over, as it was found."""

    id: UUID
    created_at: str
    asset_id: UUID
    storage: str
    traceparent: str


class Orphan(NamedTuple):
    """An asset that nothing needs, as it was found."""

    id: UUID
    created_at: str
    state: str
    storage: str
    traceparent: str


R = TypeVar("R", Overdue, Orphan)


@dataclass
class _Counts:
    """Counts of a run, or of a part of one."""

    dry_run: bool

    def add(self, part: _Counts) -> None:
        for name, count in asdict(part).items():
            if name != "dry_run":
                setattr(self, name, getattr(self, name) + count)


@dataclass
class AbortReport(_Counts):
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
class CleanupReport(_Counts):
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


@telemetry.traced("rindle.abort_incomplete_uploads")
def abort_incomplete_uploads(
    *,
    dry_run: bool = False,
    limit: int | None = None,
    profile: str | Collection[str] | None = None,
) -> AbortReport:
    """Mark uploads whose time is over as expired. Their bytes are left to ``cleanup_orphans``.

    ``profile`` narrows to one or some. Raises RequestRefused("unknown_profile").
    """
    report = AbortReport(dry_run=dry_run)
    overdue = UploadSession.objects.filter(state__in=OPEN_SESSION_STATES, expires_at__lte=Now())
    if profile is not None:
        overdue = overdue.filter(profile__in=_names(chosen(profile)))
    found = overdue.values_list("pk", _BORN, "asset_id", "asset__storage", "asset__traceparent")
    side_by_side(
        _batches(Overdue, found, limit), lambda batch: _expire_all(batch, dry_run), report.add
    )
    _tell("abort_incomplete_uploads", report)
    return report


def _expire_all(batch: Sequence[Overdue], dry_run: bool) -> AbortReport:
    report, held = AbortReport(dry_run=dry_run, sessions_found=len(batch)), batch
    if dry_run:
        advanced(len(batch))
        return report
    try:
        held = _expire_free(batch, report)
    except Exception:
        logger.exception("%s upload sessions are ended one by one", len(batch))
    advanced(len(batch) - len(held))
    for each in held:
        _expire(each, report)
        advanced()
    return report


def _expire_free(batch: Sequence[Overdue], report: AbortReport) -> list[Overdue]:
    """Those whose assets nobody is busy with, in one go; returns the others."""
    with transaction.atomic(using=database()):
        free = set(lock_free_assets([each.asset_id for each in batch]))
        ending = [each for each in batch if each.asset_id in free]
        moved = move_all(
            UploadSession,
            [each.id for each in ending],
            "expired",
            storages={each.storage for each in ending},
            where=Condition("expires_at <= statement_timestamp()"),
            reason_code="upload_expired",
        )
    for each in ending:
        telemetry.link(each.traceparent, each.asset_id)
    report.sessions_aborted += len(moved)
    return [each for each in batch if each.asset_id not in free]


def _expire(overdue: Overdue, report: AbortReport) -> None:
    telemetry.link(overdue.traceparent, overdue.asset_id)
    try:
        session = UploadSession.objects.filter(pk=overdue.id).first()
        report.sessions_aborted += session is not None and expire_session(session)
    except Exception:
        logger.exception("Upload session %s could not be expired", overdue.id)
        report.abort_errors += 1


@telemetry.traced("rindle.cleanup_orphans")
def cleanup_orphans(
    *,
    dry_run: bool = True,
    storage: str | None = None,
    limit: int | None = None,
    profile: str | Collection[str] | None = None,
) -> CleanupReport:
    """Remove what nothing needs: ended uploads, old quarantined and unattached assets.

    ``storage`` narrows to assets of one STORAGES alias, ``profile`` to those of one or some. Each
    asset is deleted in its own storage (W1.15, U9). Objects that the storage does not confirm stay
    in the ledger and are counted. Raises RequestRefused("unknown_profile"),
    Misconfigured("unknown_storage").
    """
    report = CleanupReport(dry_run=dry_run)
    profiles = chosen(profile)
    orphans = _orphans()
    if storage is not None:
        adapter_for(storage)  # a typo must not look like a clean house (C1.5)
        orphans = orphans.filter(storage=storage)
    if profile is not None:
        orphans = orphans.filter(profile__in=_names(profiles))
    found = orphans.values_list("pk", _BORN, "state", "storage", "traceparent")
    side_by_side(
        _batches(Orphan, found, limit), lambda batch: _clean_up(batch, dry_run), report.add
    )
    if not dry_run:
        report.temporary_swept = _sweep_storages(profiles, storage)
    else:
        logger.warning(
            "Cleanup ran dry: %s assets and %s objects would go, nothing was deleted.",
            report.assets_found,
            report.objects_found,
        )
    if storage is None and profile is None:  # history is of neither
        _prune_history(report, limit)
    _tell("cleanup_orphans", report)
    return report


def _prune_history(report: CleanupReport, limit: int | None) -> None:
    report.history_found = count_old_history()
    if not report.dry_run:
        report.history_pruned = prune_history(limit)


def _names(profiles: Collection[type[Profile]]) -> list[str]:
    return [profile.name for profile in profiles]


def _sweep_storages(profiles: Collection[type[Profile]], only: str | None) -> int:
    """What killed writes left behind in the storages that profiles use."""
    aliases = {profile.storage for profile in profiles if only in (None, profile.storage)}
    return sum(adapter_for(alias).sweep_temp(TEMPORARY_AGE) for alias in sorted(aliases))


def _orphans() -> QuerySet[Asset]:
    ended = UploadSession.objects.filter(
        asset=OuterRef("pk"), state__in=("aborted", "expired", "failed")
    )
    due = Q(state="staged", ended__isnull=False) | Q(state="deleted")
    if (ttl := config().QUARANTINE_TTL) is not None:
        due |= Q(state="quarantined", updated_at__lte=Now() - timedelta(seconds=ttl))
    if (ttl := config().UNATTACHED_TTL) is not None:
        due |= Q(state__in=VERIFIED_ASSET_STATES, updated_at__lte=Now() - timedelta(seconds=ttl))
    attached = Attachment.objects.filter(asset=OuterRef("pk"))
    # A value, not an EXISTS: of one that is an alternative, Postgres would rather read all ended
    # uploads there are, once for each batch.
    ended_one = Subquery(ended.values("pk")[:1])
    return Asset.objects.alias(ended=ended_one).filter(due).exclude(Exists(attached))


def _clean_up(batch: Sequence[Orphan], dry_run: bool) -> CleanupReport:
    report = CleanupReport(dry_run=dry_run)
    _count(batch, report)
    if dry_run:
        advanced(len(batch))
    else:
        _remove_all(batch, report)
    return report


def _count(batch: Sequence[Orphan], report: CleanupReport) -> None:
    ids = [each.id for each in batch]
    report.assets_found += len(batch)
    report.sessions_found += UploadSession.objects.filter(among(ids, "asset_id")).count()
    objects = StoredObject.objects.filter(among(ids, "asset_id"))
    report.objects_found += objects.exclude(state="gone").count()


def _remove_all(batch: Sequence[Orphan], report: CleanupReport) -> None:
    """Delete the assets, and at once of their objects what can be: of most nothing can."""
    waiting: dict[UUID, int] = {}
    try:
        waiting = ledger.waiting_of(_discard_free(batch))
    except Exception:
        logger.exception("%s assets are cleaned up one by one", len(batch))
    report.objects_waiting += sum(waiting.values())
    advanced(len(waiting))
    for each in batch:
        telemetry.link(each.traceparent, each.id)
        if each.id not in waiting:
            _remove(each, report)
            advanced()


def _discard_free(batch: Sequence[Orphan]) -> list[UUID]:
    """Delete what nobody is busy with, in one go; the purge of each is queued. Returns the ids."""
    groups: dict[str, list[Orphan]] = defaultdict(list)
    for each in batch:
        if each.state != "deleted":
            groups[each.state].append(each)
    deleted: list[UUID] = []
    for state, orphans in groups.items():
        # Only in the state they were found in: unquarantined meanwhile, they are wanted.
        ids, storages = [each.id for each in orphans], {each.storage for each in orphans}
        deleted.extend(discard_free(ids, state=state, storages=storages))
    return deleted


def _remove(orphan: Orphan, report: CleanupReport) -> None:
    sessions = UploadSession.objects.filter(asset_id=orphan.id).count()
    try:
        discard(orphan.id, only_from={orphan.state})
        outcome = purge(orphan.id)
    except RequestRefused:
        return  # a purge that ran meanwhile has dropped it: nothing is left, nothing failed
    except Exception:
        logger.exception("Asset %s could not be cleaned up", orphan.id)
        report.storage_errors += 1
        return
    report.objects_deleted += outcome.deleted
    report.storage_errors += outcome.kept
    if outcome.dropped:
        report.sessions_deleted += sessions
    else:
        report.objects_waiting += ledger.of_asset(orphan.id).filter(state="doomed").count()


def _batches(
    kind: type[R], rows: QuerySet[Any, tuple[Any, ...]], limit: int | None
) -> Iterator[list[R]]:
    """All of ``rows``, the oldest first, a bounded number in memory, up to ``limit``.

    That is about the order that they lie in: a batch visits few pages, each once.
    """
    last: R | None = None
    served = 0
    while limit is None or served < limit:
        batch = rows.order_by("created_at", "pk")
        if last is not None:
            batch = batch.filter(created_at__gte=last.created_at)
            batch = batch.exclude(created_at=last.created_at, pk__lte=last.id)
        size = BATCH if limit is None else min(BATCH, limit - served)
        found = [kind(*values) for values in batch[:size]]
        if found:
            yield found
        if len(found) < size:
            return
        last, served = found[-1], served + len(found)


def _tell(worker: str, report: Any) -> None:
    counts = {name: int(value) for name, value in asdict(report).items() if name != "dry_run"}
    events.emit("rindle.cleanup.run", {"worker": worker, "dry_run": report.dry_run}, counts)
