"""Purge: an asset that nobody wants is tombstoned, its objects deleted, and its rows dropped only
once the storage has confirmed that every object is absent.

Each asset has a purge of its own, which is what it can rely on. Where a storage deletes many keys
in one call, the call is filled up with what is due of others; their own purges find it done.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, Min
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now

from rindle_django import jobs, ledger, telemetry
from rindle_django.claims import AT_REST
from rindle_django.conf import config, database
from rindle_django.errors import RequestRefused, TransientFailure, reason_code
from rindle_django.lifecycle import lock_free_assets, locked, move_all, transition_all
from rindle_django.models import (
    Asset,
    Attachment,
    Key,
    ProcessingRun,
    StoredObject,
    Transition,
    UploadSession,
    Variant,
)
from rindle_django.moves import Condition
from rindle_django.states import OPEN_SESSION_STATES, VARIANT
from rindle_django.storage import Deletion, adapter_for

logger = logging.getLogger(__name__)

# Keys of a call that is filled up: what S3 takes in one.
FULL_CALL = 1000
# Assets that are tombstoned to fill it, of as many objects as an image has.
OTHERS = 250

_UNATTACHED = Condition(
    "NOT EXISTS (SELECT FROM rindle_attachment a WHERE a.asset_id = rindle_asset.id)"
)


@dataclass(frozen=True)
class PurgeReport:
    """What one purge did: objects confirmed absent, those of others that went along included, and
    objects of its own that it kept because the storage balked."""

    deleted: int = 0
    kept: int = 0
    dropped: bool = False


def take_back(stored: StoredObject) -> None:
    """Have what a writer may have written deleted, if it had been asleep for so long that the
    ledger holds the object for gone. The key was its own, so nobody else's bytes can be hit (W1.8).
    """
    with transaction.atomic(using=database()):
        if ledger.suspected(stored):
            asset_id = str(stored.asset_id)  # the asset itself may be gone as well
            jobs.enqueue(jobs.PURGE, asset_id=asset_id, profile="")


def enqueue_purge(asset: Asset, *, delay: float = 0.0, priority: int = 0) -> None:
    """Queue a purge in the current transaction."""
    enqueue_purges([asset.pk], asset.profile, delay=delay, priority=priority)


def enqueue_purges(
    asset_ids: Sequence[Key], profile: str, *, delay: float = 0.0, priority: int = 0
) -> None:
    """Queue the purges of assets of one profile in the current transaction."""
    arguments = [{"asset_id": str(asset_id), "profile": profile} for asset_id in asset_ids]
    jobs.enqueue_many(jobs.PURGE, arguments, delay=delay, priority=priority)


def request_purge(asset: Asset) -> None:
    """Ask that ``asset`` be deleted unless somebody attaches it first. Inside ``locked``."""
    Asset.objects.filter(pk=asset.pk).update(
        purge_requested_at=Now(), wake_at=_watched(), updated_at=Now()
    )
    enqueue_purge(asset)


@telemetry.traced("rindle.discard")
def discard(asset_id: Key, *, only_from: Collection[str] | None = None) -> bool:
    """Delete an unattached asset; False if it is attached, deleted already, or none of
    ``only_from`` any more.

    The rows' fate is sealed here, in one transaction; the objects go later, by the purge job.
    """
    with locked(asset_id) as asset:
        telemetry.link(asset.traceparent, asset.pk)
        return not asset.attachments.exists() and discard_locked(asset, only_from=only_from)


def discard_locked(asset: Asset, **reason: Any) -> bool:
    """``discard`` of an asset that is locked and known to be unattached."""
    return bool(discard_all_locked([asset], **reason))


def discard_all_locked(assets: Sequence[Asset], **reason: Any) -> list[Asset]:
    """``discard_locked`` of many, in a constant number of statements; returns those deleted."""
    deleted = _tombstone_all(assets, **reason)
    jobs.enqueue_many(
        jobs.PURGE, [{"asset_id": str(each.pk), "profile": each.profile} for each in deleted]
    )
    return deleted


def discard_free(asset_ids: Sequence[Key], *, state: str, storages: Collection[str]) -> list[UUID]:
    """``discard`` of those of many assets that are still in ``state`` and that nobody else is busy
    with, in a constant number of statements; returns the ids of those deleted.

    ``storages`` are the aliases that they are in.
    """
    with transaction.atomic(using=database()):
        # Of its own: a statement sees what was attached until it began, not until it had the lock.
        free = lock_free_assets(asset_ids)
        moved = move_all(
            Asset,
            free,
            "deleted",
            only_from={state},
            storages=storages,
            where=_UNATTACHED,
            lease_until=None,
            wake_at=_watched(),
        )
        deleted = [each.id for each in moved]
        if deleted:
            _give_up_all(deleted, storages)
            jobs.enqueue_many(
                jobs.PURGE, [{"asset_id": str(each.id), "profile": each.profile} for each in moved]
            )
    return deleted


def purge(asset_id: Key, *, along: bool = False) -> PurgeReport:
    """Do what is due for one asset's storage; safe to repeat, at any time, by anybody. ``along``
    fills up its calls to the storage with what is due of other assets.

    Raises TransientFailure when the storage kept an object, so that the job is tried again.
    """
    about: dict[str, str | int] = {"rindle.asset_id": str(asset_id)}
    with telemetry.span("rindle.purge", parent=_trace_of(asset_id), attributes=about) as span:
        _tombstone_if_requested(asset_id)
        report = _delete_doomed(asset_id, along=along)
        dropped = _drop_rows(asset_id)
        span.say({"rindle.objects": report.deleted, "rindle.kept": report.kept})
        if report.kept:
            span.failed(_unconfirmed(report))
    return PurgeReport(deleted=report.deleted, kept=report.kept, dropped=dropped)


def delete_left_over(asset: Asset) -> None:
    """Delete at once what an asset that lives on has just stopped needing, as far as nobody can be
    writing it any more. Outside of transactions.

    It is doomed and watched already: should this process die here, its purge is rung for. It is
    asked for at once if the storage balks.
    """
    about: dict[str, str | int] = {"rindle.asset_id": str(asset.pk)}
    try:
        with telemetry.span("rindle.purge", parent=asset.traceparent, attributes=about) as span:
            report = _delete_doomed(asset.pk, along=False)
            span.say({"rindle.objects": report.deleted, "rindle.kept": report.kept})
            if report.kept:
                span.failed(_unconfirmed(report))
                enqueue_purge(asset, delay=jobs.backoff(1))
    except Exception:
        logger.exception("What was left over could not be deleted; a purge will be rung for")


def _trace_of(asset_id: Key) -> str:
    """The asset's own; when its rows are dropped already, as its tombstone remembers it."""
    if not telemetry.tracing():
        return ""
    known = Asset.objects.filter(pk=asset_id).values_list("traceparent", flat=True).first()
    if known is None:
        buried = Transition.objects.filter(asset_id=asset_id, to_state="deleted").order_by("id")
        known = buried.values_list("cause__trace", flat=True).first()
    return known or ""


def purge_or_raise(asset_id: Key) -> PurgeReport:
    report = purge(asset_id, along=True)
    if report.kept:
        raise _unconfirmed(report)
    return report


def _unconfirmed(report: PurgeReport) -> TransientFailure:
    return TransientFailure(
        "storage_unavailable",
        alias="",
        operation="delete",
        detail=f"{report.kept} objects not confirmed",
    )


def _tombstone_if_requested(asset_id: Key) -> None:
    # Whoever asks for it after this look has a purge of its own queued.
    if not Asset.objects.filter(pk=asset_id, purge_requested_at__isnull=False).exists():
        return
    try:
        with locked(asset_id) as asset:
            # Under the lock an attach is either visible here or will see the tombstone (W1.3).
            if asset.purge_requested_at is not None and not asset.attachments.exists():
                _tombstone_all([asset])
    except RequestRefused:
        return  # dropped already; objects may still be left over


def _tombstone_all(assets: Sequence[Asset], **reason: Any) -> list[Asset]:
    # Watched until its rows are dropped: its purge job may be lost like any other.
    terms: dict[str, Any] = {"lease_until": None, "wake_at": _watched(), **reason}
    moved = {row.pk for row in transition_all(assets, "deleted", **terms)}
    deleted = {asset.pk: asset for asset in assets if asset.pk in moved}
    if deleted:
        variants = _of(Variant, deleted)
        transition_all(variants, "purged", only_from=VARIANT.sources_of("purged"), **AT_REST)
        # Nobody may complete, and be thanked for, the upload of what is deleted already.
        transition_all(_of(UploadSession, deleted), "aborted", only_from=OPEN_SESSION_STATES)
        ledger.doom_all_of(deleted)
    return list(deleted.values())


def _give_up_all(deleted: Sequence[Key], storages: Collection[str]) -> None:
    """What goes with assets that have just been deleted, as ``_tombstone_all`` has it."""
    move_all(
        Variant,
        deleted,
        "purged",
        of_assets=True,
        only_from=VARIANT.sources_of("purged"),
        storages=storages,
        **AT_REST,
    )
    move_all(
        UploadSession,
        deleted,
        "aborted",
        of_assets=True,
        only_from=OPEN_SESSION_STATES,
        storages=storages,
    )
    ledger.doom_all_of(deleted)


def _of(model: type[Variant] | type[UploadSession], assets: Mapping[Any, Asset]) -> list[Any]:
    rows: list[Any] = list(model._default_manager.filter(asset_id__in=assets))
    for row in rows:
        row.asset = assets[row.asset_id]
    return rows


def _watched() -> Combinable:
    return Now() + timedelta(seconds=config().RECONCILE_GRACE)


def _delete_doomed(asset_id: Key, *, along: bool) -> PurgeReport:
    batches: dict[str, list[StoredObject]] = defaultdict(list)
    for stored in ledger.deletable(asset_id):
        batches[stored.storage].append(stored)
    reports = list[PurgeReport]()
    for alias, objects in sorted(batches.items()):
        others = _taken_along(alias, objects) if along else ()
        reports.append(_delete_from(alias, objects, others))
    return PurgeReport(
        deleted=sum(report.deleted for report in reports),
        kept=sum(report.kept for report in reports),
    )


def _delete_from(
    alias: str, objects: Sequence[StoredObject], others: Sequence[StoredObject] = ()
) -> PurgeReport:
    """Delete ``objects``, and ``others`` in the same call. Of those what is not confirmed is left
    as it was: their own purge deletes them, and it is its failure if it cannot."""
    keys = [stored.key for stored in (*objects, *others)]
    try:
        deletion = adapter_for(alias).delete(keys)
    except Exception as error:  # any failure keeps the rows (W1.2)
        deletion = Deletion(failed=dict.fromkeys(keys, reason_code(error)))
    confirmed, failed = deletion.confirmed, deletion.failed
    gone = [stored for stored in objects if stored.key in confirmed]
    kept = [stored for stored in objects if stored.key not in confirmed]
    gone += [stored for stored in others if stored.key in confirmed]
    with transaction.atomic(using=database()):
        ledger.hold([*gone, *kept])
        deleted = sum(
            ledger.struck_off(
                [each for each in gone if confirmed[each.key] == way], confirmation=way
            )
            for way in set(confirmed.values())
        )
        for stored in kept:
            why = failed.get(stored.key, "unconfirmed")
            ledger.kept(stored, reason_code=why, retry_in=config().ROUND_PAUSE)
    with _left_to_their_own_purge():
        _drop_rows_of({stored.asset_id for stored in others})
    return PurgeReport(deleted=deleted, kept=len(kept))


# --- others ------------------------------------------------------------------------------------


@contextmanager
def _left_to_their_own_purge() -> Iterator[None]:
    """Whatever goes wrong with others does not concern the asset that they were to go along with:
    one that cannot be purged would stop all."""
    try:
        yield
    except Exception:
        logger.exception("Others could not be purged along; their own purges will")


def _taken_along(alias: str, own: Sequence[StoredObject]) -> Sequence[StoredObject]:
    room, put_off = FULL_CALL - len(own), config().LEASE + config().RECONCILE_GRACE
    taken: Sequence[StoredObject] = ()
    with _left_to_their_own_purge():
        if room > 0 and adapter_for(alias).capabilities.batch_delete:
            _tombstone_requested(alias, OTHERS)
            taken = ledger.claim_along(own, limit=room, put_off=put_off)
    return taken


def _tombstone_requested(alias: str, limit: int) -> None:
    """Of those whose purge was asked for; one that somebody is busy with is passed over."""
    # All of them are watched, and what is watched is little, and indexed.
    asked = Asset.objects.filter(
        storage=alias, purge_requested_at__isnull=False, wake_at__isnull=False
    ).exclude(state="deleted")
    with transaction.atomic(using=database()):
        assets = list(asked.select_for_update(skip_locked=True).order_by("wake_at")[:limit])
        attached = Attachment.objects.filter(asset__in=assets).values_list("asset_id", flat=True)
        kept = set(attached)  # under the locks, as of one (W1.3)
        _tombstone_all([asset for asset in assets if asset.pk not in kept])


def _drop_rows_of(asset_ids: Collection[Key]) -> None:
    """``_drop_rows`` of many; of those that somebody is busy with he will."""
    if not asset_ids:
        return
    with transaction.atomic(using=database()):
        rows = Asset.objects.select_for_update(skip_locked=True).order_by("pk")
        assets = list(rows.filter(pk__in=asset_ids, state="deleted"))
        remaining = StoredObject.objects.filter(asset_id__in=asset_ids).exclude(state="gone")
        held = set(remaining.values_list("asset_id", flat=True))
        _forget([asset for asset in assets if asset.pk not in held])


# --- rows --------------------------------------------------------------------------------------


def _drop_rows(asset_id: Key) -> bool:
    """Drop a deleted asset once the storage holds nothing of it; else leave it to be woken."""
    if not Asset.objects.filter(pk=asset_id, state="deleted").exists():
        return False  # as after most purges, which delete what was staged
    try:
        with locked(asset_id) as asset:
            if asset.state != "deleted":
                return False
            if (remaining := ledger.remaining(asset_id)).exists():
                due = remaining.aggregate(due=Min("wake_at"))["due"]
                Asset.objects.filter(pk=asset.pk).update(wake_at=due)
                return False
            _forget([asset])
            return True
    except RequestRefused:
        return False


def _forget(assets: Sequence[Asset]) -> None:
    """Drop all rows of deleted assets, which are locked, and of which the storage has nothing."""
    if not assets:
        return
    _tell_how_long(assets)
    rows = Asset.objects.filter(pk__in=[asset.pk for asset in assets])
    rows.update(original=None)
    ProcessingRun.objects.filter(asset_id__in=[asset.pk for asset in assets]).delete()
    Variant.objects.filter(asset__in=assets).delete()
    UploadSession.objects.filter(asset__in=assets).delete()
    rows.delete()


def _tell_how_long(assets: Sequence[Asset]) -> None:
    """From the request, or the tombstone where nobody asked, to the confirmation of all objects."""
    if not telemetry.measuring():
        return
    took = ExpressionWrapper(
        Now() - Coalesce("purge_requested_at", "updated_at"), output_field=DurationField()
    )
    rows = Asset.objects.filter(pk__in=[asset.pk for asset in assets])
    for profile, elapsed in rows.values_list("profile", took):
        telemetry.record_once_committed(
            "rindle.purge.duration", elapsed.total_seconds(), {"profile": profile}
        )
