"""``Attachment``: an asset in a slot of an owner of any model and any primary key."""

from __future__ import annotations

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext_lazy as _

from rindle_django.models.asset import Asset
from rindle_django.models.base import Row


class Attachment(Row):
    # Never cascades: a purge that races an attach must fail, not take the attachment along (W1.3).
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="attachments")
    owner_type = models.ForeignKey(ContentType, on_delete=models.PROTECT, related_name="+")
    owner_id = models.TextField()
    owner = GenericForeignKey("owner_type", "owner_id")
    slot = models.TextField()
    position = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        permissions = [("erase_owner", _("Can erase all media of an owner"))]
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner_type", "owner_id", "slot", "position"],
                name="rindle_attachment_slot",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at"], name="rindle_attachment_created"),
            models.Index(fields=["owner_id"], name="rindle_attachment_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.slot} of {self.owner_type_id}:{self.owner_id}"
