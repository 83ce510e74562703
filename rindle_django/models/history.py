"""``Transition``: what happened, row by row. It is also the outbox that events are sent from."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from rindle_django.models.base import PrimaryManager


class Transition(models.Model):
    id = models.BigAutoField(primary_key=True)
    subject = models.TextField()
    subject_id = models.UUIDField()
    asset_id = models.UUIDField()
    from_state = models.TextField(blank=True)
    to_state = models.TextField()
    profile = models.TextField()
    adapter = models.TextField()
    reason_code = models.TextField(blank=True, default="")
    # What caused it: ``{"task": …, "attempt": …}``, ``{"command": …}``, ``{"user": …}``.
    cause = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())
    emitted_at = models.DateTimeField(null=True)
    # What came before it was dropped for its age.
    abridged = models.BooleanField(db_default=False)

    objects = PrimaryManager()

    class Meta:
        verbose_name = _("transition")
        verbose_name_plural = _("transitions")
        indexes = [
            models.Index(fields=["asset_id", "id"], name="rindle_transition_asset"),
            models.Index(fields=["-at"], name="rindle_transition_at"),
            models.Index(
                fields=["at"],
                name="rindle_transition_unsent",
                condition=models.Q(emitted_at__isnull=True),
            ),
            # Finds what is past its time without touching what is kept for ever.
            models.Index(fields=["abridged", "at"], name="rindle_transition_age"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.subject_id}: {self.from_state} to {self.to_state}"
