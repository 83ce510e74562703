"""Settings of the run: as shipped, but that nothing is scheduled."""

from __future__ import annotations

from benchmarks.images.settings import (
    DATABASES as DATABASES,
    DEFAULT_AUTO_FIELD as DEFAULT_AUTO_FIELD,
    FOLDER,
    ROOT_URLCONF as ROOT_URLCONF,
    SECRET_KEY as SECRET_KEY,
    STORAGES as STORAGES,
    USE_TZ as USE_TZ,
)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "procrastinate.contrib.django",
    "rindle_django",
    "benchmarks.upkeep",
]
RINDLE: dict[str, object] = {"TEMP_DIR": str(FOLDER), "SCHEDULES": {"reconcile": None}}
