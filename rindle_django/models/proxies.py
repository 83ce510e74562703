"""Views of rows for the admin."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from rindle_django.models.asset import Asset
from rindle_django.models.base import PrimaryManager
from rindle_django.models.variant import Variant


class FailedManager(PrimaryManager["FailedVariant"]):
    def get_queryset(self) -> models.QuerySet[FailedVariant]:
        return super().get_queryset().filter(state="failed")


class FailedVariant(Variant):
    """A variant whose tries are spent, or whose error no retry can mend."""

    objects: ClassVar[FailedManager] = FailedManager()

    class Meta:
        proxy = True
        verbose_name = _("failed variant")
        verbose_name_plural = _("failed variants")


class Overview(Asset):
    """The page that tells how all media are doing; no row of its own."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("media health")
        verbose_name_plural = _("media health")
