"""``Variant``: one output of an asset, and each attempt to make it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from rindle_django.models.asset import Asset
from rindle_django.models.base import Claimable, Row, due_index, state_check
from rindle_django.states import ABSORBING_ASSET_STATES, VARIANT, Machine

PROCESS_TRIES = 5
RUN_OUTCOMES = ("running", "succeeded", "failed", "retried", "superseded", "lost")


class Variant(Claimable):
    machine: ClassVar[Machine] = VARIANT
    momentary: ClassVar[Mapping[str, Any]] = {"progress": None}
    wanted: ClassVar[models.Q] = ~models.Q(asset__state__in=ABSORBING_ASSET_STATES)

    # Its index is the one with the name.
    asset = models.ForeignKey(
        Asset, on_delete=models.CASCADE, db_index=False, related_name="variants"
    )
    name = models.TextField()
    kind = models.TextField()
    # The recipe that is wanted; ``published_digest`` is the one that ``object`` was made by.
    recipe_digest = models.TextField()
    published_digest = models.TextField(blank=True, default="")
    # What is served. Stays while a newer output is being made.
    object = models.OneToOneField(
        "rindle.StoredObject",
        on_delete=models.RESTRICT,
        null=True,
        related_name="published_as",
        verbose_name=_("object"),
    )
    content_type = models.TextField(blank=True, default="")
    byte_size = models.BigIntegerField(null=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    pages = models.PositiveIntegerField(null=True)
    duration_ms = models.PositiveBigIntegerField(null=True)
    # What a player has to know of the output: codecs, renditions, tiles.
    details = models.JSONField(
        default=dict, blank=True, db_default=models.Value({}, models.JSONField())
    )
    # Percent of the attempt that is under way; null while there is none, or it cannot tell.
    progress = models.PositiveSmallIntegerField(null=True, editable=False)
    generated_at = models.DateTimeField(null=True)
    # Of the jobs that make it: below 0 they wait until nothing fresher does.
    priority = models.SmallIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("variant")
        verbose_name_plural = _("variants")
        permissions = [
            ("requeue_variant", _("Can requeue a failed variant")),
            ("regenerate_variant", _("Can have a variant made again")),
        ]
        constraints = [
            state_check(VARIANT, "rindle_variant_state"),
            models.UniqueConstraint(fields=["asset", "name"], name="rindle_variant_name"),
            models.CheckConstraint(
                condition=~models.Q(state="ready") | models.Q(object__isnull=False),
                name="rindle_variant_ready_has_object",
            ),
        ]
        indexes = [
            due_index("rindle_variant_due"),
            models.Index(fields=["state", "-created_at"], name="rindle_variant_by_state"),
            models.Index(fields=["-created_at"], name="rindle_variant_created"),
            models.Index(
                fields=["state", "updated_at"],
                name="rindle_variant_unsettled",
                condition=models.Q(state__in=("cancelled", "missing", "planned", "stale")),
            ),
            # Few values: the recipes that are served are found without reading the rows.
            models.Index(fields=["name", "published_digest"], name="rindle_variant_recipe"),
            models.Index(
                fields=["-updated_at"],
                name="rindle_variant_failed",
                condition=models.Q(state="failed"),
            ),
            models.Index(
                fields=["reason_code", "-updated_at"],
                name="rindle_variant_reason",
                condition=models.Q(state="failed"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.asset_id}"

    @property
    def servable(self) -> bool:
        """Whether there is an output to show, be it of an older recipe."""
        return self.object_id is not None and self.state not in ("missing", "purged")


class ProcessingRun(Row):
    """One attempt at one variant: when, by which worker, how it ended, and what it cost.

    ``pixels`` are the source's; ``cpu_seconds`` is what the decoder used for this output, the first
    of several that are made together including the decoding; ``byte_size`` is the output's.
    """

    asset_id = models.UUIDField()
    profile = models.TextField(blank=True, default="", db_default="")
    variant_id = models.UUIDField()
    variant_name = models.TextField()
    attempt = models.PositiveIntegerField()
    fence = models.BigIntegerField()
    worker = models.TextField(blank=True, default="")
    outcome = models.TextField(default="running")
    reason_code = models.TextField(blank=True, default="")
    reason = models.TextField(blank=True, default="")
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    pixels = models.BigIntegerField(null=True)
    cpu_seconds = models.FloatField(null=True)
    byte_size = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("processing run")
        verbose_name_plural = _("processing runs")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome__in=RUN_OUTCOMES),
                name="rindle_run_outcome",
            ),
            models.UniqueConstraint(fields=["variant_id", "fence"], name="rindle_run_fence"),
        ]
        indexes = [
            models.Index(fields=["asset_id", "started_at"], name="rindle_run_asset"),
            models.Index(fields=["-started_at"], name="rindle_run_started"),
            models.Index(
                fields=["profile", "variant_name", "-started_at"],
                name="rindle_run_cost",
            ),
            models.Index(
                fields=["outcome", "-started_at"],
                name="rindle_run_not_succeeded",
                condition=~models.Q(outcome="succeeded"),
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.attempt} at {self.variant_name} of {self.asset_id}"
