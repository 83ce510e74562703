"""``StorageScan`` and ``Sighting``: how far the comparison of a storage with the ledger has come,
and what it saw that did not match.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from rindle_django.models.base import PrimaryManager


class StorageScan(models.Model):
    """The one scan of a storage: under way from ``cursor`` on, or finished.

    ``run`` counts the scans. ``holder`` is whoever went on with this one last; who had it before
    finds that out at its next step, and stops.
    """

    storage = models.TextField(primary_key=True)
    run = models.PositiveBigIntegerField(default=1)
    cursor = models.TextField(db_collation="C", blank=True, default="")
    holder = models.UUIDField()
    counts = models.JSONField(default=dict)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    objects = PrimaryManager()

    class Meta:
        verbose_name = _("storage scan")
        verbose_name_plural = _("storage scans")

    def __str__(self) -> str:
        return f"scan {self.run} of {self.storage}"


class Sighting(models.Model):
    """A key at which storage and ledger differ. Nothing is done about it on first sight.

    ``modified_at`` is by the storage's clock; null if the storage has nothing there.
    """

    id = models.BigAutoField(primary_key=True)
    storage = models.TextField()
    key = models.TextField(db_collation="C")
    finding = models.TextField()
    modified_at = models.DateTimeField(null=True)
    first_run = models.PositiveBigIntegerField()
    first_seen_at = models.DateTimeField(db_default=Now())
    last_run = models.PositiveBigIntegerField()
    last_seen_at = models.DateTimeField(db_default=Now())

    objects = PrimaryManager()

    class Meta:
        verbose_name = _("sighting")
        verbose_name_plural = _("sightings")
        constraints = [
            models.UniqueConstraint(
                fields=["storage", "key", "finding"], name="rindle_sighting_key"
            ),
        ]
        indexes = [
            models.Index(fields=["key"], name="rindle_sighting_by_key"),
            models.Index(fields=["finding", "first_seen_at"], name="rindle_sighting_finding"),
        ]

    def __str__(self) -> str:
        return f"{self.finding} {self.id}"
