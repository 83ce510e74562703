"""Erasing owners: seen before, done in bounded transactions, safe to stop and to repeat."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Model, Q

from rindle_django.attachments.changes import lock_assets, lock_owner_row
from rindle_django.conf import database
from rindle_django.errors import RequestRefused, reason_code, reason_text
from rindle_django.lifecycle import caused_by, current_cause
from rindle_django.models import Asset, Attachment, Erasure, StoredObject
from rindle_django.operations.erasure.owners import (
    Owner,
    attachments_of,
    loose_uploads_of,
    owner_of,
    require_known,
)
from rindle_django.operations.erasure.plan import (
    COUNTED,
    Others,
    Place,
    others_of,
    preview,
    put_down,
    put_down_attachment,
    put_down_upload,
)
from rindle_django.operations.erasure.report import (
    EXECUTE,
    PREVIEW,
    ErasureReport,
    Failure,
    OwnerErasure,
)
from rindle_django.purge import discard_all_locked

logger = logging.getLogger(__name__)
# Assets that one transaction decides about: their rows are locked as long as it runs.
BATCH = 100
MAX_OWNERS = 100


def preview_erasure(
    owners: Iterable[Model | str], *, uploads: bool = False, max_owners: int = MAX_OWNERS
) -> ErasureReport:
    """What ``erase_owners`` would do now. Reads only."""
    return _go_through(owners, PREVIEW, uploads=uploads, max_owners=max_owners)


def erase_owner(owner: Model | str, *, uploads: bool = False) -> ErasureReport:
    """Detach all that ``owner`` has, and delete each asset that nobody else has.

    ``owner`` is a row, or ``app.model:key`` of one that may be gone by now. Assets that others have
    as well stay. ``uploads`` takes along what the owner uploaded itself and nothing is attached to.
    From the commit on nothing of it is served; its objects are deleted by the purge jobs queued
    with it, and the receipts tell when. The owner's own row is not touched. Repeating it is
    harmless, and goes on where it was broken off.

    Raises RequestRefused: "owner_invalid", "owner_unsaved", "unknown_owner".
    """
    named = owner_of(owner)
    report = ErasureReport(mode=EXECUTE)
    report.add(_one(named, Place(), EXECUTE, uploads=uploads))
    return report


def erase_owners(
    owners: Iterable[Model | str], *, uploads: bool = False, max_owners: int = MAX_OWNERS
) -> ErasureReport:
    """``erase_owner`` for several. Each is committed by itself; one that fails is reported and the
    others go on, so that a repetition does what is left.

    Raises RequestRefused before anything is done: "owner_invalid", "owner_unsaved",
    "too_many_owners" (more than ``max_owners``), "request_invalid" for none at all.
    """
    return _go_through(owners, EXECUTE, uploads=uploads, max_owners=max_owners)


def _go_through(
    given: Iterable[Model | str], mode: str, *, uploads: bool, max_owners: int
) -> ErasureReport:
    owners = list({owner.name: owner for owner in map(owner_of, given)}.values())
    if not owners:
        raise RequestRefused("request_invalid", why="no owner is named")
    if len(owners) > max_owners:
        raise RequestRefused("too_many_owners", count=len(owners), limit=max_owners)
    report = ErasureReport(mode=mode)
    for number, owner in enumerate(owners):
        place = Place(earlier=owners[:number], later=owners[number + 1 :])
        try:
            report.add(_one(owner, place, mode, uploads=uploads))
        except Exception as error:
            if not isinstance(error, RequestRefused):
                logger.exception("%s could not be erased", owner.name)
            report.failed.append(Failure(owner.name, reason_code(error), reason_text(error)))
    return report


def _one(owner: Owner, place: Place, mode: str, *, uploads: bool) -> OwnerErasure:
    require_known(owner)
    if mode == PREVIEW:
        report = preview(owner, place, uploads=uploads)
    else:
        report = _erase(owner, place.later, uploads=uploads)
    _count_receipts(owner, report)
    return report


def _erase(owner: Owner, later: Sequence[Owner], *, uploads: bool) -> OwnerErasure:
    report = OwnerErasure(owner=owner.name)
    while _detach_some(owner, later, report):
        continue
    if uploads:
        while _discard_some(owner, report):
            continue
    else:
        report.uploads_kept = loose_uploads_of(owner).order_by()[:COUNTED].count()
    return report


def _detach_some(owner: Owner, later: Sequence[Owner], report: OwnerErasure) -> bool:
    """One transaction: a bounded number of assets, each with all that the owner has on it.

    Owner and assets are locked before anything is decided: of co-owners who are erased at the same
    time, the second sees that the first has gone (U17, C3.1).
    """
    with transaction.atomic(using=database()):
        if owner.model is not None:
            lock_owner_row(owner.model, owner.key)
        some = attachments_of(owner).values_list("asset_id", flat=True)[:BATCH]
        assets = lock_assets(set(some))
        rows = list(attachments_of(owner).filter(asset__in=assets.values()))
        if not rows:
            return False
        with _written_down(owner) as record:
            done = _detach(owner, rows, assets, later, record)
    _add(report, done)
    return True


def _detach(
    owner: Owner,
    rows: Sequence[Attachment],
    assets: dict[str, Asset],
    later: Sequence[Owner],
    record: Erasure,
) -> OwnerErasure:
    done = OwnerErasure(owner=owner.name)
    others = others_of([asset.pk for asset in assets.values()], owner, later)
    Attachment.objects.filter(pk__in=[row.pk for row in rows]).delete()
    for row in rows:
        put_down_attachment(done, row)
    leftover = [
        asset
        for asset in assets.values()
        if put_down(done, asset.pk, asset.profile, others.get(asset.pk, Others()))
    ]
    # At once, and not by its purge: nobody shall attach it again in between (C3.4).
    record.assets = [str(asset.pk) for asset in _discard(leftover)]
    record.attachments, record.retained = len(rows), done.retained_shared_assets.count
    return done


def _discard_some(owner: Owner, report: OwnerErasure) -> bool:
    """One transaction: a bounded number of the owner's uploads that nothing is attached to."""
    with transaction.atomic(using=database()):
        some = loose_uploads_of(owner).order_by().values_list("pk", flat=True)[:BATCH]
        locked = lock_assets(list(some))
        attached = _attached(asset.pk for asset in locked.values())
        loose = [asset for asset in locked.values() if asset.pk not in attached]
        done = OwnerErasure(owner=owner.name)
        if not loose:
            return False
        with _written_down(owner) as record:
            for asset in _discard(loose):
                put_down_upload(done, asset.pk, asset.profile)
                record.assets.append(str(asset.pk))
    _add(report, done)
    return done.uploads_to_discard.count > 0


def _discard(assets: Sequence[Asset]) -> list[Asset]:
    return discard_all_locked(assets, reason_code="owner_erased", reason="")


def _attached(assets: Iterable[UUID]) -> set[UUID]:
    rows = Attachment.objects.filter(asset_id__in=list(assets)).order_by()
    return set(rows.values_list("asset_id", flat=True))


def _add(report: OwnerErasure, done: OwnerErasure) -> None:
    report.attachments_to_detach.add_all(done.attachments_to_detach)
    report.assets_to_purge.add_all(done.assets_to_purge)
    report.retained_shared_assets.add_all(done.retained_shared_assets)
    report.uploads_to_discard.add_all(done.uploads_to_discard)


# --- what is left of it: a row that leads to the receipts ----------------------------------------


@contextmanager
def _written_down(owner: Owner) -> Iterator[Erasure]:
    """A row of what is done inside, which names it as its cause."""
    record = Erasure.objects.create(owner=owner.name, cause=current_cause())
    with caused_by(erasure=record.pk):
        yield record
    record.save(update_fields=["attachments", "retained", "assets"])


def _count_receipts(owner: Owner, report: OwnerErasure) -> None:
    """Over all erasures of the owner, so that a repetition tells how far the storage is."""
    gone = Q(state="gone")
    counts: dict[str, Any] = {"gone": Count("pk", filter=gone), "rest": Count("pk", filter=~gone)}
    rows = Erasure.objects.filter(owner=owner.name).order_by("id")
    for assets in rows.values_list("assets", flat=True).iterator(chunk_size=BATCH):
        found = StoredObject.objects.filter(asset_id__in=assets).aggregate(**counts)
        report.objects_gone += found["gone"]
        report.objects_waiting += found["rest"]
