"""``UploadSession``: one promise of an upload, from the ticket to its verification."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from rindle_django.models.asset import Asset
from rindle_django.models.base import Stateful, state_check
from rindle_django.states import SESSION, Machine


class UploadSession(Stateful):
    machine: ClassVar[Machine] = SESSION

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="sessions")
    profile = models.TextField()
    actor = models.TextField(blank=True, default="")
    filename = models.TextField(blank=True, default="")
    # What the client declared. ``byte_size`` is null only for streams the server itself sends.
    content_type = models.TextField()
    byte_size = models.BigIntegerField(null=True)
    sha256 = models.TextField(blank=True, default="")
    staging = models.ForeignKey(
        "rindle.StoredObject", on_delete=models.RESTRICT, related_name="sessions"
    )
    expires_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("upload session")
        verbose_name_plural = _("upload sessions")
        constraints = [
            state_check(SESSION, "rindle_session_state"),
            models.CheckConstraint(
                condition=models.Q(byte_size__isnull=True) | models.Q(byte_size__gt=0),
                name="rindle_session_byte_size",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "expires_at"], name="rindle_session_expiry"),
            models.Index(fields=["profile", "state", "expires_at"], name="rindle_session_profile"),
            models.Index(fields=["-created_at"], name="rindle_session_created"),
            models.Index(fields=["profile", "-created_at"], name="rindle_session_newest"),
        ]

    def __str__(self) -> str:
        return f"upload {self.id}"
