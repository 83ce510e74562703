"""``Asset``: one uploaded file and everything known of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from rindle_django.models.base import Claimable, due_index, state_check
from rindle_django.states import ASSET, Machine

PROMOTE_TRIES = 3
UNSETTLED = ("available", "degraded", "processing", "quarantined", "transcoding")


class Asset(Claimable):
    machine: ClassVar[Machine] = ASSET

    profile = models.TextField()
    # Alias in STORAGES at the time of the upload; a profile may move on, its assets stay put.
    storage = models.TextField()
    # Who uploaded it, as ``app.model:pk``; empty when the server did.
    actor = models.TextField(blank=True, default="")
    kind = models.TextField(blank=True, default="")
    filename = models.TextField(blank=True, default="")
    content_type = models.TextField(blank=True, default="")
    byte_size = models.BigIntegerField(null=True)
    sha256 = models.TextField(blank=True, default="")
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    pages = models.PositiveIntegerField(null=True)
    has_alpha = models.BooleanField(null=True)
    # Of audio and video: null for images.
    duration_ms = models.PositiveBigIntegerField(null=True)
    has_video = models.BooleanField(null=True)
    has_audio = models.BooleanField(null=True)
    # What else was found in it: ``media.av.facts`` says which keys.
    media_info = models.JSONField(
        default=dict, blank=True, db_default=models.Value({}, models.JSONField())
    )
    # A ThumbHash in base64, to be shown until something better is there.
    placeholder = models.TextField(blank=True, default="", db_default="")
    metadata = models.JSONField(default=dict, blank=True)
    # The frozen, verified bytes. Unset until promotion has read them.
    original = models.OneToOneField(
        "rindle.StoredObject",
        on_delete=models.RESTRICT,
        null=True,
        related_name="original_of",
        verbose_name=_("original"),
    )
    # Set by detach and discard, cleared by attach: purge deletes only what nobody took back.
    purge_requested_at = models.DateTimeField(null=True, editable=False)
    traceparent = models.TextField(blank=True, default="", editable=False)

    class Meta:
        verbose_name = _("asset")
        verbose_name_plural = _("assets")
        permissions = [
            ("cancel_processing", _("Can cancel the processing of an asset")),
            ("reprobe_asset", _("Can measure an asset's original again")),
            ("unquarantine_asset", _("Can take an asset out of quarantine")),
            ("discard_asset", _("Can discard an unattached asset")),
        ]
        constraints = [
            state_check(ASSET, "rindle_asset_state"),
            models.CheckConstraint(
                condition=models.Q(byte_size__isnull=True) | models.Q(byte_size__gte=0),
                name="rindle_asset_byte_size",
            ),
        ]
        indexes = [
            due_index("rindle_asset_due"),
            models.Index(fields=["state", "-created_at"], name="rindle_asset_by_state"),
            models.Index(fields=["profile", "-created_at"], name="rindle_asset_profile"),
            models.Index(
                fields=["profile", "state", "-created_at"], name="rindle_asset_profile_state"
            ),
            # What somebody may have to look at, the longest in its state first.
            models.Index(
                fields=["state", "updated_at"],
                name="rindle_asset_unsettled",
                condition=models.Q(state__in=UNSETTLED),
            ),
            models.Index(fields=["actor", "-created_at"], name="rindle_asset_actor"),
            models.Index(fields=["-created_at"], name="rindle_asset_created"),
        ]

    def __str__(self) -> str:
        return f"{self.profile} {self.id}"
