"""Batches: one verb for all rows of a filter, in steps that can be killed and gone on with.

A batch keeps the filter, not the ids: a million rows cost one row. It walks from the newest to the
oldest, changes what is still as it was when the batch was ordered, and leaves the rest alone.
"""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from rindle_django import jobs
from rindle_django.conf import config, database
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import caused_by
from rindle_django.models import Asset, Batch, Key, Variant
from rindle_django.operations.repair import cancel, requeue
from rindle_django.purge import discard
from rindle_django.states import ACTIVE_VARIANT_STATES, REQUEUEABLE_VARIANT_STATES

STEP = 100
Condition = Sequence[tuple[str, Any]]
"""Lookups of which at least one has to hold."""


@dataclass
class Outcome:
    """How many rows were done, and how many were not, by the code of the refusal."""

    done: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    texts: dict[str, str] = field(default_factory=dict)


def _discard(asset_id: Key, _: Collection[str] | None) -> object:
    if not discard(asset_id):
        raise RequestRefused("asset_not_discardable")
    return True


# Each takes an asset's id and the names of its variants; None stands for all that it fits.
VERBS: dict[str, Callable[[Key, Collection[str] | None], object]] = {
    "requeue": requeue,
    "cancel": cancel,
    "discard": _discard,
}

FITTING = {"requeue": REQUEUEABLE_VARIANT_STATES, "cancel": ACTIVE_VARIANT_STATES}


def chosen(model: str, conditions: Iterable[Condition], as_of: datetime.datetime) -> QuerySet[Any]:
    """The rows that fulfil all ``conditions`` and have not changed since ``as_of``."""
    rows: QuerySet[Any] = (Asset if model == "asset" else Variant).objects.all()
    for alternatives in conditions:
        either = (Q(**{name: value}) for name, value in alternatives)
        rows = rows.filter(reduce(or_, either, Q(pk__in=[])))
    return rows.filter(updated_at__lte=as_of)


def begin(
    verb: str,
    model: str,
    conditions: Sequence[Condition],
    *,
    as_of: datetime.datetime,
    actor: str = "",
) -> Batch:
    """Write down a batch and queue its first step, in one transaction.

    Raises RequestRefused("request_invalid") for a verb that there is not.
    """
    if verb not in VERBS:
        raise RequestRefused("request_invalid", why=f"there is no verb {verb!r} for batches")
    with transaction.atomic(using=database()):
        batch = Batch.objects.create(
            verb=verb,
            model=model,
            conditions=[[[name, str(value)] for name, value in each] for each in conditions],
            as_of=as_of,
            actor=actor,
            wake_at=_later(),
        )
        jobs.enqueue(jobs.BATCH, batch_id=str(batch.pk))
    return batch


def go_on(batch_id: Key) -> None:
    """Do the next step of a batch and queue the one after it; nothing if it has ended.

    Safe to be done twice: what was done already is refused by its state, and only one of two
    moves the cursor.
    """
    batch = Batch.objects.filter(pk=batch_id, finished_at__isnull=True).first()
    if batch is None:
        return
    rows = list(_next(batch)[:STEP])
    with caused_by(batch=str(batch.pk), actor=batch.actor):
        outcome = carry_out(batch.verb, rows)
    _note(batch, rows, outcome)


def stop(batch_id: Key) -> bool:
    """End a batch where it is; False if it had ended already. What is done stays done."""
    return bool(
        Batch.objects.filter(pk=batch_id, finished_at__isnull=True).update(
            stopped=True, finished_at=Now(), updated_at=Now(), wake_at=None
        )
    )


def carry_out(verb: str, rows: Iterable[Asset | Variant]) -> Outcome:
    """Apply ``verb`` to each asset, or to the named variants of each asset, one after another.

    Each asset is a transaction of its own; a refusal is counted and the others go on.
    """
    outcome = Outcome()
    for asset_id, names in _tasks_of(verb, rows):
        try:
            VERBS[verb](asset_id, names or None)
        except RequestRefused as refusal:
            outcome.refused[refusal.code] += len(names) or 1
            outcome.texts[refusal.code] = str(refusal)
        else:
            outcome.done += len(names) or 1
    return outcome


def _tasks_of(verb: str, rows: Iterable[Asset | Variant]) -> list[tuple[Key, list[str]]]:
    """Assets with the names of their variants; what will be refused apart from what will not, for
    a refusal is of all names together. In order of the assets, so that two runs cannot deadlock."""
    grouped: dict[tuple[Key, bool], list[str]] = defaultdict(list)
    for row in rows:
        if isinstance(row, Variant):
            grouped[row.asset_id, row.state in FITTING.get(verb, ())].append(row.name)
        else:
            grouped[row.pk, True] = []
    return [(asset_id, names) for (asset_id, _), names in sorted(grouped.items())]


def _next(batch: Batch) -> QuerySet[Any]:
    rows = chosen(batch.model, batch.conditions, batch.as_of)
    if batch.cursor_at is not None:
        # The first half alone is what an index can seek to.
        rows = rows.filter(created_at__lte=batch.cursor_at).exclude(
            created_at=batch.cursor_at, pk__gte=batch.cursor_id
        )
    return rows.order_by("-created_at", "-pk")


def _note(batch: Batch, rows: Sequence[Asset | Variant], outcome: Outcome) -> None:
    """Move the cursor and queue the next step, unless another job has, or somebody stopped it."""
    at_cursor = Q(cursor_id=batch.cursor_id) if batch.cursor_id else Q(cursor_id__isnull=True)
    here = Batch.objects.filter(at_cursor, pk=batch.pk, finished_at__isnull=True)
    ended = len(rows) < STEP
    last = rows[-1] if rows else None
    with transaction.atomic(using=database()):
        moved = here.update(
            cursor_at=last.created_at if last else batch.cursor_at,
            cursor_id=last.pk if last else batch.cursor_id,
            done=F("done") + outcome.done,
            refused=dict(Counter(batch.refused) + outcome.refused),
            finished_at=Now() if ended else None,
            wake_at=None if ended else _later(),
            updated_at=Now(),
        )
        if moved and not ended:
            jobs.enqueue(jobs.BATCH, batch_id=str(batch.pk))


def _later() -> Any:
    return Now() + timedelta(seconds=config().LEASE + config().RECONCILE_GRACE)
