"""How long history is kept: what is past ``HISTORY_TTL`` is dropped, without tearing what is left.

Of each row that lives, the last step before that time is kept, and marked as what others were
dropped before; of an asset that is gone all steps go, together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from rindle_django.conf import config, database
from rindle_django.models import Asset, ProcessingRun, Repair, Transition

BATCH = 1000
COUNTED = 100_000
# Steps before the one that is kept. Those of one asset are found by its index.
FORMER = """
DELETE FROM rindle_transition AS step
USING unnest(%s::uuid[], %s::text[], %s::uuid[], %s::bigint[])
    AS kept (asset_id, subject, subject_id, id)
WHERE step.asset_id = kept.asset_id AND step.subject = kept.subject
  AND step.subject_id = kept.subject_id AND step.id < kept.id
"""


@dataclass(frozen=True)
class Step:
    """What is known of a step that is past its time."""

    id: int
    at: datetime
    subject: str
    subject_id: UUID
    asset_id: UUID


def count_old_history() -> int:
    """How many steps are past their time and not yet dropped or marked, counted to a bound."""
    return _past_their_time()[:COUNTED].count() if config().HISTORY_TTL is not None else 0


def prune_history(limit: int | None = None) -> int:
    """Drop steps, attempts and repairs that are past ``HISTORY_TTL``, looking at up to ``limit`` of
    each; returns how many were dropped. Two at once do not get into each other's way."""
    if config().HISTORY_TTL is None:
        return 0
    runs = ProcessingRun.objects.filter(started_at__lt=_cutoff()).exclude(outcome="running")
    repairs = Repair.objects.filter(at__lt=_cutoff())
    return _prune_steps(limit) + _drop_all(runs, limit) + _drop_all(repairs, limit)


def _cutoff() -> Combinable:
    return Now() - timedelta(seconds=config().HISTORY_TTL or 0)


def _past_their_time() -> QuerySet[Transition]:
    # Not what nobody was told of yet.
    return Transition.objects.filter(abridged=False, at__lt=_cutoff(), emitted_at__isnull=False)


def _prune_steps(limit: int | None) -> int:
    dropped, seen, last = 0, 0, None
    while limit is None or seen < limit:
        size = BATCH if limit is None else min(BATCH, limit - seen)
        with transaction.atomic(using=database()):
            if not _alone():
                break
            steps = _next(last, size)
            dropped += _prune_batch(steps)
        seen += len(steps)
        if len(steps) < size:
            break
        last = steps[-1]
    return dropped


def _alone() -> bool:
    key = int.from_bytes(hashlib.sha256(b"rindle:history").digest()[:8], "big", signed=True)
    with connections[database()].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [key])
        return bool(cursor.fetchone()[0])


def _next(last: Step | None, size: int) -> list[Step]:
    rows = _past_their_time().order_by("at", "id")
    if last is not None:
        rows = rows.filter(Q(at__gt=last.at) | Q(at=last.at, id__gt=last.id), at__gte=last.at)
    fields = "id", "at", "subject", "subject_id", "asset_id"
    return [Step(*row) for row in rows.values_list(*fields)[:size]]


def _prune_batch(steps: Sequence[Step]) -> int:
    untold = _assets_with(steps, emitted_at__isnull=True)
    told = [step for step in steps if step.asset_id not in untold]
    finished = _finished(told)
    kept = _latest(step for step in told if step.asset_id not in finished)
    dropped = _drop_all(Transition.objects.filter(asset_id__in=finished), None)
    dropped += _drop_former(kept)
    Transition.objects.filter(pk__in=[step.id for step in kept]).update(abridged=True)
    return dropped


def _assets_with(steps: Sequence[Step], **condition: Any) -> set[UUID]:
    rows = Transition.objects.filter(asset_id__in={step.asset_id for step in steps}, **condition)
    return set(rows.values_list("asset_id", flat=True).distinct())


def _finished(steps: Sequence[Step]) -> set[UUID]:
    """Assets that are gone, and of which nothing happened since the time that is kept."""
    assets = {step.asset_id for step in steps}
    alive = set(Asset.objects.filter(pk__in=assets).values_list("pk", flat=True))
    return assets - alive - _assets_with(steps, at__gte=_cutoff())


def _latest(steps: Any) -> list[Step]:
    latest: dict[tuple[str, UUID], Step] = {}
    for step in sorted(steps, key=lambda each: each.id):
        latest[step.subject, step.subject_id] = step
    return list(latest.values())


def _drop_former(kept: Collection[Step]) -> int:
    if not kept:
        return 0
    columns = ("asset_id", "subject", "subject_id", "id")
    with connections[database()].cursor() as cursor:
        cursor.execute(FORMER, [[getattr(each, name) for each in kept] for name in columns])
        return int(cursor.rowcount)


def _drop_all(rows: QuerySet[Any], limit: int | None) -> int:
    """Delete ``rows``, which nothing refers to, a bounded number in each statement."""
    model: type[Model] = rows.model
    dropped = 0
    while limit is None or dropped < limit:
        size = BATCH if limit is None else min(BATCH, limit - dropped)
        some = list(rows.values_list("pk", flat=True)[:size])
        dropped += model._default_manager.filter(pk__in=some).delete()[0]
        if len(some) < size:
            break
    return dropped
