"""What people had done that is no transition: repairs of assets, erasures of owners."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from rindle_django.models.base import PrimaryManager


class Repair(models.Model):
    """One repair of one asset, written in the transaction that repairs."""

    id = models.BigAutoField(primary_key=True)
    asset_id = models.UUIDField()
    operation = models.TextField()
    result = models.TextField()
    # Each thing that changed, as ``{"from": …, "to": …}``.
    changes = models.JSONField(default=dict)
    cause = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())

    objects = PrimaryManager()

    class Meta:
        verbose_name = _("repair")
        verbose_name_plural = _("repairs")
        indexes = [
            models.Index(fields=["asset_id", "id"], name="rindle_repair_asset"),
            models.Index(fields=["at"], name="rindle_repair_at"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} of {self.asset_id}"


class Erasure(models.Model):
    """One transaction of an owner's erasure. It leads from the owner to the receipts.

    ``assets`` are the ids of those that went: a bounded number, as much as one transaction does.
    """

    id = models.BigAutoField(primary_key=True)
    # ``app.model:pk``. The one thing kept of an owner: the proof of whom it was about.
    owner = models.TextField()
    attachments = models.PositiveIntegerField(default=0)
    retained = models.PositiveIntegerField(default=0)
    assets = models.JSONField(default=list)
    cause = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())

    objects = PrimaryManager()

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        indexes = [models.Index(fields=["owner", "id"], name="rindle_erasure_owner")]

    def __str__(self) -> str:
        return f"erasure of {self.owner}"
