"""``StoredObject``: the ledger. A row for every key, before a byte is written under it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from rindle_django.models.asset import Asset
from rindle_django.models.base import Stateful, due_index, state_check
from rindle_django.states import OBJECT, Machine

PURPOSES = ("staging", "original", "variant")


class StoredObject(Stateful):
    """One object in one storage. When it is gone the row stays, as the receipt.

    ``settles_at`` is when no writer can be writing the key any more; before that a deletion could
    be overtaken by a late write, so none is attempted.
    """

    machine: ClassVar[Machine] = OBJECT

    # Not enforced: the receipt outlives its asset. Its index is the one with the state.
    asset = models.ForeignKey(
        Asset,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="objects_ledger",
    )
    purpose = models.TextField()
    # The main object of an output of several files. They are served, kept and purged together.
    part_of = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="parts",
        verbose_name=_("part of"),
    )
    storage = models.TextField()
    # By bytes, as storages list them: the two are compared in one pass.
    key = models.TextField(db_collation="C")
    content_type = models.TextField(blank=True, default="")
    byte_size = models.BigIntegerField(null=True)
    # Of the bytes that were stored, in hexadecimal; empty for what a client put there.
    sha256 = models.TextField(blank=True, default="")
    settles_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    wake_at = models.DateTimeField(null=True)
    # The receipt: when the storage confirmed the absence, and in which way.
    gone_at = models.DateTimeField(null=True)
    confirmation = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = _("stored object")
        verbose_name_plural = _("stored objects")
        constraints = [
            state_check(OBJECT, "rindle_object_state"),
            models.CheckConstraint(
                condition=models.Q(purpose__in=PURPOSES),
                name="rindle_object_purpose",
            ),
            models.UniqueConstraint(fields=["storage", "key"], name="rindle_object_key"),
        ]
        indexes = [
            due_index("rindle_object_due"),
            models.Index(fields=["asset", "state"], name="rindle_object_asset"),
            models.Index(fields=["-created_at"], name="rindle_object_created"),
            # Nearly all objects are present: a list of those reads the index above.
            models.Index(
                fields=["state", "-created_at"],
                name="rindle_object_not_present",
                condition=~models.Q(state="present"),
            ),
            # Nearly all objects are whole outputs.
            models.Index(
                fields=["part_of"],
                name="rindle_object_part",
                condition=models.Q(part_of__isnull=False),
            ),
            # What the storage would not delete.
            models.Index(
                fields=["created_at"],
                name="rindle_object_kept",
                condition=models.Q(state="doomed", attempts__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"
