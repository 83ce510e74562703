"""``Batch``: one verb for every row that a filter found, carried out in the background."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from rindle_django.models.base import Row, due_index

BATCH_MODELS = ("asset", "variant")


class Batch(Row):
    """What was ordered, by whom, and how far it has come.

    ``conditions`` are the filter: all of them have to hold, and of each at least one alternative.
    Rows that changed after ``as_of`` are left alone: nobody has seen them as they are now.
    """

    verb = models.TextField()
    model = models.TextField()
    conditions = models.JSONField(default=list)
    actor = models.TextField(blank=True, default="")
    as_of = models.DateTimeField()
    # The last row that was looked at; the newest come first.
    cursor_at = models.DateTimeField(null=True)
    cursor_id = models.UUIDField(null=True)
    done = models.PositiveIntegerField(default=0)
    # How many rows could not be done, by the code of the refusal.
    refused = models.JSONField(default=dict)
    stopped = models.BooleanField(default=False)
    finished_at = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True, editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(model__in=BATCH_MODELS), name="rindle_batch_model"
            ),
        ]
        indexes = [
            due_index("rindle_batch_due"),
            models.Index(fields=["-created_at"], name="rindle_batch_created"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.id}"
