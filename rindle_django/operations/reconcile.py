"""The reconciler: what is due by our own rows is rung for again, whatever became of its job.

It reads no queue, so it repairs what the queue forgot: jobs lost, deleted, or left with a worker
that died. A job rung for twice finds nothing to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import DurationField, F, Model, QuerySet, Value
from django.db.models.functions import Greatest, Least, Now

from rindle_django import jobs, ledger, telemetry, workspace
from rindle_django.conf import config, database
from rindle_django.lifecycle import emit_pending
from rindle_django.models import Asset, Batch, StoredObject, Transition, Variant
from rindle_django.operations.recipes.temporary import least_age
from rindle_django.operations.stalled import fail_stalled
from rindle_django.processing.plan import ring
from rindle_django.purge import enqueue_purge
from rindle_django.states import PROMOTABLE_ASSET_STATES

M = TypeVar("M", bound=Model)
BATCH = 500
LONGEST_PAUSE = timedelta(hours=1)


@dataclass
class ReconcileReport:
    """How many rows were rung for, outputs given up, events sent late, folders swept, jobs of
    dead workers marked as failed, and batches gone on with."""

    dry_run: bool = False
    assets: int = 0
    variants: int = 0
    abandoned: int = 0
    objects: int = 0
    events: int = 0
    folders: int = 0
    stalled: int = 0
    batches: int = 0


@telemetry.traced("rindle.reconcile")
def reconcile(limit: int = BATCH, *, dry_run: bool = False) -> ReconcileReport:
    """Ring once for each of up to ``limit`` due rows of a kind; callable without a queue.

    A dry run counts what is due at this moment, and changes nothing.
    """
    if dry_run:
        return _due_now(limit)
    return ReconcileReport(
        assets=_ring_assets(limit),
        variants=_ring_variants(limit),
        abandoned=_doom_abandoned(limit),
        objects=_ring_objects(limit),
        events=_send_late_events(limit),
        folders=workspace.sweep(older_than=least_age()),
        stalled=fail_stalled(limit),
        batches=_ring_batches(limit),
    )


def _due_now(limit: int) -> ReconcileReport:
    return ReconcileReport(
        dry_run=True,
        assets=_due(Asset.objects.all())[:limit].count(),
        variants=_due(Variant.objects.all())[:limit].count(),
        abandoned=_due(_expected())[:limit].count(),
        objects=_due(_deletable())[:limit].count(),
        events=_late_events()[:limit].count(),
        folders=sum(1 for _ in workspace.abandoned(least_age())),
        stalled=fail_stalled(limit, dry_run=True),
        batches=_due(Batch.objects.all())[:limit].count(),
    )


def _due(rows: QuerySet[M]) -> QuerySet[M]:
    return rows.filter(wake_at__lte=Now()).order_by("wake_at")


def _claim_due(rows: QuerySet[M], limit: int) -> list[M]:
    """Due rows nobody else is ringing for, put off so that each is rung for once a pause.

    The longer a row has waited, the longer the pause: its job may only be far back in the queue.
    """
    due = list(_due(rows).select_for_update(skip_locked=True, of=("self",))[:limit])
    pause = timedelta(seconds=config().LEASE + config().RECONCILE_GRACE)
    waited = Least(Now() - F("updated_at"), Value(LONGEST_PAUSE), output_field=DurationField())
    rows.model._default_manager.filter(pk__in=[row.pk for row in due]).update(
        wake_at=Now() + Greatest(Value(pause), waited, output_field=DurationField())
    )
    return due


def _ring_assets(limit: int) -> int:
    with transaction.atomic(using=database()):
        due = _claim_due(Asset.objects.all(), limit)
        for asset in due:
            _ring_asset(asset)
    return len(due)


def _ring_asset(asset: Asset) -> None:
    telemetry.link(asset.traceparent, asset.pk)
    unwanted = asset.state == "deleted" or asset.purge_requested_at is not None
    promotable = asset.state in PROMOTABLE_ASSET_STATES
    if promotable:
        jobs.enqueue(jobs.PROMOTE, priority=jobs.AGAIN, asset_id=str(asset.pk))
    if unwanted:
        enqueue_purge(asset, priority=jobs.AGAIN)
    if not promotable and not unwanted:  # attached again since it was to be purged
        Asset.objects.filter(pk=asset.pk).update(wake_at=None)


def _ring_variants(limit: int) -> int:
    with transaction.atomic(using=database()):
        due = _claim_due(Variant.objects.all(), limit)
        ring(due, again=True)
    return len(due)


def _doom_abandoned(limit: int) -> int:
    """Outputs whose writer died over them: nothing else knows that they may exist (W1.8)."""
    with transaction.atomic(using=database()):
        due = list(_due(_expected()).select_for_update(skip_locked=True)[:limit])
        return ledger.doom(due, settled=True)


def _expected() -> QuerySet[StoredObject]:
    return StoredObject.objects.filter(state="expected")


def _deletable() -> QuerySet[StoredObject]:
    return StoredObject.objects.filter(state__in=("doomed", "gone"))


def _ring_objects(limit: int) -> int:
    """Objects to be deleted, or deleted once more."""
    with transaction.atomic(using=database()):
        due = _claim_due(_deletable(), limit)
        assets = {str(stored.asset_id) for stored in due}
        arguments = [{"asset_id": asset_id, "profile": ""} for asset_id in sorted(assets)]
        jobs.enqueue_many(jobs.PURGE, arguments)
    return len(due)


def _ring_batches(limit: int) -> int:
    with transaction.atomic(using=database()):
        due = _claim_due(Batch.objects.all(), limit)
        jobs.enqueue_many(jobs.BATCH, [{"batch_id": str(batch.pk)} for batch in due])
    return len(due)


def _send_late_events(limit: int) -> int:
    return emit_pending(list(_late_events().values_list("pk", flat=True)[:limit]))


def _late_events() -> QuerySet[Transition]:
    """Events whose process died between its commit and the sending."""
    patience = timedelta(seconds=config().RECONCILE_GRACE)
    late = Transition.objects.filter(emitted_at__isnull=True, at__lte=Now() - patience)
    return late.order_by("at")
