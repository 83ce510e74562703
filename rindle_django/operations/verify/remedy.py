"""What is done about differences that a second run has seen too.

Each is looked at once more at the moment when something is done about it. Deletion goes the way
of all others: through the ledger, so that it is confirmed, tried again, and leaves a receipt.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from rindle_django import ledger
from rindle_django.claims import AT_REST
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import locked, transition
from rindle_django.models import Asset, Sighting, StoredObject, Variant
from rindle_django.operations.verify.course import Course, database_now
from rindle_django.operations.verify.findings import REMOVED, Rules, origin_of
from rindle_django.operations.verify.report import VerifyReport
from rindle_django.processing import requeue_variants
from rindle_django.processing.aggregate import settle_asset
from rindle_django.purge import enqueue_purge, purge
from rindle_django.states import VERIFIED_ASSET_STATES
from rindle_django.storage import adapter_for

logger = logging.getLogger(__name__)
BATCH = 500
CLOCKS_DIFFER = timedelta(minutes=1)
"""Storages tell whole seconds, and by clocks of their own."""


def due(course: Course, rules: Rules) -> QuerySet[Sighting]:
    """What was seen by this run and by an earlier one, long enough apart."""
    return Sighting.objects.filter(
        storage=course.alias,
        last_run=course.run,
        first_run__lt=course.run,
        first_seen_at__lte=Now() - timedelta(seconds=rules.apart),
    )


def remedy(course: Course, rules: Rules, report: VerifyReport) -> None:
    """Delete what is in nobody's ledger; mark variants that are not there. After a whole scan."""
    removable = due(course, rules).filter(finding__in=REMOVED)
    if _may_remove(course, rules):
        _remove(course.alias, _known_to_this_ledger(removable, rules, report), report)
    else:
        _hold_back("deletion", course, removable, report)
    missing = due(course, rules).filter(finding="missing")
    if _may_mark(course, rules):
        _mark_all(course.alias, missing, report)
    else:
        _hold_back("marking", course, missing, report)


# --- limits ------------------------------------------------------------------------------------


def _may_remove(course: Course, rules: Rules) -> bool:
    """An empty ledger is the wrong one."""
    counts = course.counts
    found = sum(counts[name] for name in REMOVED)
    return rules.unlimited or (counts["rows"] > 0 and not rules.too_many(found, counts["keys"]))


def _may_mark(course: Course, rules: Rules) -> bool:
    """An empty storage is the wrong one, or a volume that is not mounted."""
    counts = course.counts
    found = counts["missing"] + counts["missing_original"]
    return rules.unlimited or (counts["keys"] > 0 and not rules.too_many(found, counts["rows"]))


def _hold_back(
    what: str, course: Course, sightings: QuerySet[Sighting], report: VerifyReport
) -> None:
    held = sightings.count()
    report.held_back += held
    if held:
        logger.error(
            "The %s of %s objects in storage %r is held back: too much of what there is (%s keys,"
            " %s rows). If the storage and the database belong together, raise the share.",
            *(what, held, course.alias, course.counts["keys"], course.counts["rows"]),
        )


def _known_to_this_ledger(
    sightings: QuerySet[Sighting], rules: Rules, report: VerifyReport
) -> QuerySet[Sighting]:
    """Leaves out orphans from before the ledger's first row: another one may know them."""
    if rules.unlimited:
        return sightings
    first = StoredObject.objects.order_by("created_at").first()
    begun = (first.created_at if first else database_now()) - CLOCKS_DIFFER
    older = sightings.filter(finding="orphan", modified_at__lt=begun)
    report.held_back += older.count()
    return sightings.exclude(pk__in=older)


# --- deletion ----------------------------------------------------------------------------------


def _remove(alias: str, sightings: QuerySet[Sighting], report: VerifyReport) -> None:
    for batch in _batches(sightings):
        _adopt([each.key for each in batch if each.finding == "orphan"], alias, report)
        _lay_to_rest([each.key for each in batch if each.finding == "undead"], alias, report)
        Sighting.objects.filter(pk__in=[each.pk for each in batch]).delete()


def _adopt(keys: Sequence[str], alias: str, report: VerifyReport) -> None:
    """Into the ledger as doomed, unless they have got a row since, and purged like anything else.

    If we are killed in between, the reconciler rings for them.
    """
    assets: set[UUID] = set()
    for key in keys:
        origin = origin_of(key)
        if origin is None:
            continue
        purpose, asset_id = origin
        if ledger.adopt(alias, key, asset_id=asset_id, purpose=purpose):
            report.objects_adopted += 1
            assets.add(asset_id)
    _purge(assets, report)


def _lay_to_rest(keys: Sequence[str], alias: str, report: VerifyReport) -> None:
    """Keys are never used again: what lies under one that is gone is nobody's. The receipt then
    says when it was gone in truth."""
    gone = StoredObject.objects.filter(storage=alias, key__in=keys, state="gone")
    suspects = [stored for stored in gone if ledger.suspected(stored)]
    _purge({stored.asset_id for stored in suspects}, report)
    confirmed = gone.filter(wake_at__isnull=True)
    report.objects_deleted += confirmed.update(gone_at=Now(), updated_at=Now())


def _purge(assets: Collection[UUID], report: VerifyReport) -> None:
    for asset_id in sorted(assets):
        outcome = purge(asset_id)
        report.objects_deleted += outcome.deleted
        report.storage_errors += outcome.kept


# --- missing variants --------------------------------------------------------------------------


def _mark_all(alias: str, sightings: QuerySet[Sighting], report: VerifyReport) -> None:
    for batch in _batches(sightings):
        for each in batch:
            if adapter_for(alias).stat(each.key) is None:
                report.variants_marked += _mark(alias, each.key)
        Sighting.objects.filter(pk__in=[each.pk for each in batch]).delete()


def _mark(alias: str, key: str) -> bool:
    """Whether a variant lost what it served. The storage has just said that it has no such object;
    a row that is present still has not been asked to lose it."""
    stored = StoredObject.objects.filter(storage=alias, key=key).first()
    if stored is None:
        return False
    try:
        with locked(stored.asset_id) as asset:
            held = StoredObject.objects.filter(pk=stored.pk, state="present", purpose="variant")
            return held.exists() and _unpublish(asset, stored)
    except RequestRefused:  # its asset was purged meanwhile
        return False


def _unpublish(asset: Asset, stored: StoredObject) -> bool:
    """Of an output of several files, each is as good as all of them."""
    output = StoredObject.objects.get(pk=stored.part_of_id or stored.pk)
    variant = Variant.objects.filter(object=output).first()
    if variant is not None:
        variant.asset = asset
        why: dict[str, Any] = {
            "reason_code": "object_missing",
            "reason": "The storage lost its object.",
        }
        if not transition(variant, "missing", object=None, **why, **AT_REST):
            # Being made anew, or failed at that: only what it showed meanwhile is lost.
            Variant.objects.filter(pk=variant.pk).update(object=None, updated_at=Now())
    ledger.doom([output], settled=True)  # the purge confirms that it is absent
    enqueue_purge(asset)
    settle_asset(asset)
    return variant is not None


def regenerate(alias: str, report: VerifyReport) -> None:
    """Queue the missing variants of all assets whose original is there."""
    for asset in _with_missing_variants(alias):
        original = asset.original
        if original and adapter_for(original.storage).stat(original.key) is not None:
            report.variants_requeued += _requeue(asset)


def _with_missing_variants(alias: str) -> Iterator[Asset]:
    missing = Variant.objects.filter(asset=OuterRef("pk"), state="missing")
    assets = Asset.objects.select_related("original").filter(
        Exists(missing), storage=alias, state__in=VERIFIED_ASSET_STATES
    )
    page = list(assets.order_by("pk")[:BATCH])
    while page:
        yield from page
        page = list(assets.filter(pk__gt=page[-1].pk).order_by("pk")[:BATCH])


def _requeue(asset: Asset) -> int:
    missing = list(asset.variants.filter(state="missing").values_list("name", flat=True))
    try:
        return len(requeue_variants(asset.pk, missing))
    except RequestRefused:  # somebody was first
        return 0


def _batches(sightings: QuerySet[Sighting]) -> Iterator[list[Sighting]]:
    last = 0
    while batch := list(sightings.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = batch[-1].pk
        yield batch
