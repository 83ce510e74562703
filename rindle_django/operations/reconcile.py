"""The reconciler: what is due by our own rows is rung for again, whatever became of its job.

It reads no queue, so it repairs what the queue forgot: jobs lost, deleted, or left with a worker
that died. A job rung for twice finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Now

from rindle_django import jobs, ledger, telemetry, workspace
from rindle_django.conf import config, database
from rindle_django.models import Asset, Batch, StoredObject, Transition, Variant
from rindle_django.operations.beside import side_by_side
from rindle_django.operations.recipes.temporary import least_age
from rindle_django.operations.stalled import fail_stalled
from rindle_django.outbox import emit_pending
from rindle_django.processing.plan import ring
from rindle_django.states import PROMOTABLE_ASSET_STATES

M = TypeVar("M", bound=Model)
BATCH = 500
PART = 2500  # rows in a transaction
LONGEST_PAUSE = 3600.0  # seconds
_DELETABLE = "state IN ('doomed', 'gone')"
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM {table}
    WHERE wake_at <= statement_timestamp() AND {condition}
    ORDER BY wake_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE {table} SET wake_at = statement_timestamp()
    + greatest(make_interval(secs => %(pause)s),
               least(statement_timestamp() - updated_at, make_interval(secs => %(longest)s)))
FROM due WHERE {table}.id = due.id RETURNING {columns}
"""


class DueAsset(NamedTuple):
    """What is known of an asset that is rung for."""

    id: UUID
    state: str
    purge_requested_at: datetime | None
    profile: str
    traceparent: str

    @property
    def unwanted(self) -> bool:
        return self.state == "deleted" or self.purge_requested_at is not None


class DueVariant(NamedTuple):
    """What is known of a variant that is rung for."""

    asset_id: UUID
    name: str
    kind: str
    priority: int
    attempts: int


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
        assets=_in_parts(_ring_assets, limit),
        variants=_in_parts(_ring_variants, limit),
        abandoned=_in_parts(_doom_abandoned, limit),
        objects=_in_parts(_ring_objects, limit),
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


def _claim_due(
    model: type[Model], columns: Sequence[str], limit: int, condition: str = "true"
) -> list[tuple[Any, ...]]:
    """``columns`` of due rows nobody else is ringing for, put off so that each is rung for once a
    pause.

    The longer a row has waited, the longer the pause: its job may only be far back in the queue.
    """
    table = model._meta.db_table
    wanted = ", ".join(f"{table}.{column}" for column in columns)
    with connections[database()].cursor() as cursor:
        cursor.execute(
            _CLAIM.format(table=table, columns=wanted, condition=condition),
            {
                "limit": limit,
                "pause": config().LEASE + config().RECONCILE_GRACE,
                "longest": LONGEST_PAUSE,
            },
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def _in_parts(ring: Callable[[int], int], limit: int) -> int:
    """``ring`` for up to ``limit`` rows, a bounded number in each transaction."""
    rung: list[int] = []

    def parts() -> Iterator[int]:
        for begin in range(0, limit, PART):
            if begin and min(rung, default=PART) < PART:
                return  # there was less than that
            yield min(PART, limit - begin)

    side_by_side(parts(), ring, rung.append)
    return sum(rung)


def _ring_assets(limit: int) -> int:
    with transaction.atomic(using=database()):
        due = [DueAsset(*row) for row in _claim_due(Asset, DueAsset._fields, limit)]
        promoted = [each for each in due if each.state in PROMOTABLE_ASSET_STATES]
        purged = [each for each in due if each.unwanted]
        jobs.enqueue_many(
            jobs.PROMOTE, [{"asset_id": str(each.id)} for each in promoted], priority=jobs.AGAIN
        )
        jobs.enqueue_many(
            jobs.PURGE,
            [{"asset_id": str(each.id), "profile": each.profile} for each in purged],
            priority=jobs.AGAIN,
        )
        # What was attached again since it was to be purged.
        rest = {each.id for each in due} - {each.id for each in (*promoted, *purged)}
        Asset.objects.filter(pk__in=rest).update(wake_at=None)
    for each in due:
        telemetry.link(each.traceparent, each.id)
    return len(due)


def _ring_variants(limit: int) -> int:
    with transaction.atomic(using=database()):
        due = [DueVariant(*row) for row in _claim_due(Variant, DueVariant._fields, limit)]
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
        due = _claim_due(StoredObject, ("asset_id",), limit, _DELETABLE)
        assets = sorted({str(asset_id) for (asset_id,) in due})
        jobs.enqueue_many(
            jobs.PURGE, [{"asset_id": asset_id, "profile": ""} for asset_id in assets]
        )
    return len(due)


def _ring_batches(limit: int) -> int:
    with transaction.atomic(using=database()):
        due = _claim_due(Batch, ("id",), limit)
        jobs.enqueue_many(jobs.BATCH, [{"batch_id": str(batch_id)} for (batch_id,) in due])
    return len(due)


def _send_late_events(limit: int) -> int:
    return emit_pending(list(_late_events().values_list("pk", flat=True)[:limit]))


def _late_events() -> QuerySet[Transition]:
    """Events whose process died between its commit and the sending."""
    patience = timedelta(seconds=config().RECONCILE_GRACE)
    late = Transition.objects.filter(emitted_at__isnull=True, at__lte=Now() - patience)
    return late.order_by("at")
