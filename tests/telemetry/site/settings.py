"""Settings of the traced site: those of the tests' workers, and a page of its own."""

from __future__ import annotations

from tests.jobs.worker_settings import *  # noqa: F403
from tests.jobs.worker_settings import INSTALLED_APPS as _INSTALLED_APPS

INSTALLED_APPS = [*_INSTALLED_APPS, "tests.telemetry.site.apps.TracedConfig"]
ROOT_URLCONF = "tests.telemetry.site.urls"
