"""Settings of a run: one folder, one profile for everything, a quick pace."""

from __future__ import annotations

import os
from pathlib import Path

import dj_database_url

from rindle_django.media.types import MEDIA_TYPES

FOLDER = Path(os.environ.get("MATRIX_FOLDER", "only-in-a-run"))

SECRET_KEY = "not-secret"
USE_TZ = True
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "procrastinate.contrib.django",
    "rindle_django",
    "tests.matrix",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.matrix.urls"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": FOLDER / "media"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
RINDLE = {"TEMP_DIR": str(FOLDER / "work"), "BACKOFF_BASE": 0.2}
PROCRASTINATE_WORKER_DEFAULTS = {"delete_jobs": "successful"}
MATRIX_TYPES = tuple(
    sorted(each.mime for each in MEDIA_TYPES.values() if each.kind in ("image", "video", "audio"))
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(process)d %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
