"""``Checkpoint``: how far a long pass over rows has come, for the next run to go on from."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from rindle_django.models.base import PrimaryManager


class Checkpoint(models.Model):
    """The key of the last row that a pass has done. There is none once it has come to its end."""

    name = models.TextField(primary_key=True)
    cursor = models.TextField()
    updated_at = models.DateTimeField(db_default=Now())

    objects = PrimaryManager()

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")

    def __str__(self) -> str:
        return f"{self.name} at {self.cursor}"
