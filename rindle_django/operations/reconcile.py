"""The reconciler: what is due by our own rows is rung for again, whatever became of its job.

It reads no queue, so it repairs what the queue forgot: jobs lost, deleted, or left with a worker
that died. A job rung for twice finds nothing to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from rindle_django import jobs, workspace
from rindle_django.conf import config, database
from rindle_django.lifecycle import emit_pending
from rindle_django.models import Asset, StoredObject, Transition, Variant
from rindle_django.processing.plan import ring

BATCH = 500


@dataclass
class ReconcileReport:
    """How many rows were rung for, events sent late, and left-over folders swept."""

    assets: int = 0
    variants: int = 0
    objects: int = 0
    events: int = 0
    folders: int = 0


def reconcile(limit: int = BATCH) -> ReconcileReport:
    """Ring once for each of up to ``limit`` due rows of a kind; callable without a queue."""
    return ReconcileReport(
        assets=_ring_assets(limit),
        variants=_ring_variants(limit),
        objects=_ring_objects(limit),
        events=_send_late_events(limit),
        folders=workspace.sweep(older_than=max(3600.0, config().LEASE * 2)),
    )


def _claim_due(rows: QuerySet[Model], limit: int) -> list[Model]:
    """Due rows nobody else is ringing for, put off so that each is rung for once a pause."""
    due = list(
        rows.filter(wake_at__lte=Now())
        .order_by("wake_at")
        .select_for_update(skip_locked=True, of=("self",))[:limit]
    )
    pause = config().LEASE + config().RECONCILE_GRACE
    rows.model._default_manager.filter(pk__in=[row.pk for row in due]).update(
        wake_at=Now() + timedelta(seconds=pause)
    )
    return due


def _ring_assets(limit: int) -> int:
    with transaction.atomic(using=database()):
        due = _claim_due(Asset.objects.all(), limit)
        jobs.enqueue_many(jobs.PROMOTE, [{"asset_id": str(asset.pk)} for asset in due])
    return len(due)


def _ring_variants(limit: int) -> int:
    with transaction.atomic(using=database()):
        due = _claim_due(Variant.objects.all(), limit)
        for variant in due:
            assert isinstance(variant, Variant)
            ring(variant)
    return len(due)


def _ring_objects(limit: int) -> int:
    with transaction.atomic(using=database()):
        due = _claim_due(StoredObject.objects.filter(state="doomed"), limit)
        assets = {str(stored.asset_id) for stored in due if isinstance(stored, StoredObject)}
        arguments = [{"asset_id": asset_id, "profile": ""} for asset_id in sorted(assets)]
        jobs.enqueue_many(jobs.PURGE, arguments)
    return len(due)


def _send_late_events(limit: int) -> int:
    """Events whose process died between its commit and the sending."""
    late = Transition.objects.filter(
        emitted_at__isnull=True, at__lte=Now() - timedelta(seconds=config().RECONCILE_GRACE)
    )
    return emit_pending(list(late.order_by("at").values_list("pk", flat=True)[:limit]))
