"""Wiring: profiles are discovered, events reach signals and OpenTelemetry, checks register."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class RindleConfig(AppConfig):
    name = "rindle_django"
    label = "rindle"
    verbose_name = _("Media")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from rindle_django import checks, signals, telemetry  # noqa: F401  (signals subscribe)

        telemetry.connect()
        checks.connect()
        autodiscover_modules("media")
