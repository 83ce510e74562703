"""What all rows share: where they live, how they are identified, how work on them is claimed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from django.db import models
from django.db.models.functions import Now

from rindle_django.conf import database
from rindle_django.states import Machine

M = TypeVar("M", bound=models.Model)
Key = uuid.UUID | str
"""The id of a row, as callers may give it."""


class PrimaryManager(models.Manager[M]):
    """Reads where it writes: a replica that lags must not decide about media."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().using(database())


class Row(models.Model):
    """A row with an id that says nothing and the time it was written, by the database's clock."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = PrimaryManager()

    class Meta:
        abstract = True


class Stateful(Row):
    """A row whose ``state`` moves along a machine; only ``lifecycle`` assigns it."""

    machine: ClassVar[Machine]
    # What tells of one state alone: no transition carries it over.
    momentary: ClassVar[Mapping[str, Any]] = {}

    state = models.TextField(editable=False)
    # Why the row is where it is: a code from ``errors.CODES`` and its text.
    reason_code = models.TextField(blank=True, default="")
    reason = models.TextField(blank=True, default="")
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not args:
            kwargs.setdefault("state", self.machine.initial)
        super().__init__(*args, **kwargs)


class Claimable(Stateful):
    """A row that workers work on, one at a time, under a lease with a fencing token.

    ``wake_at`` is when the reconciler shall look at the row if nothing else has: after the lease,
    after a retry's delay, or never (null) when no work is due.
    """

    # What has to hold, beside the claim, for work on it to go on.
    wanted: ClassVar[models.Q] = models.Q()

    fence = models.BigIntegerField(default=0, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)
    max_attempts = models.PositiveIntegerField(editable=False)
    wake_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True


def state_check(machine: Machine, name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=models.Q(state__in=machine.states), name=name)


def due_index(name: str) -> models.Index:
    """Finds what is due without touching what is at rest."""
    return models.Index(fields=["wake_at"], name=name, condition=models.Q(wake_at__isnull=False))
