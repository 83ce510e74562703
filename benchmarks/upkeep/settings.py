"""Settings of the run: as shipped, but that nothing is scheduled."""

from __future__ import annotations

from benchmarks.images.settings import *  # noqa: F403
from benchmarks.images.settings import FOLDER

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "procrastinate.contrib.django",
    "rindle_django",
    "benchmarks.upkeep",
]
RINDLE = {"TEMP_DIR": str(FOLDER), "SCHEDULES": {"reconcile": None}}
PROCRASTINATE_WORKER_DEFAULTS: dict[str, str] = {}
