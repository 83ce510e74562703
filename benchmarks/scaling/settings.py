"""Settings of the run: as those of the images, but for the storage."""

from __future__ import annotations

from benchmarks.images.settings import *  # noqa: F403
from benchmarks.images.settings import FOLDER as _FOLDER, INSTALLED_APPS as _INSTALLED_APPS

INSTALLED_APPS = [*_INSTALLED_APPS, "benchmarks.scaling"]
STORAGES = {
    "default": {
        "BACKEND": "benchmarks.scaling.distant.DistantStorage",
        "OPTIONS": {"location": _FOLDER / "media"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
