"""Settings of the run: as shipped, and as the guide for workers has it for the database."""

from __future__ import annotations

import os
from pathlib import Path

import dj_database_url

FOLDER = Path(os.environ.get("BENCHMARK_FOLDER", "/nonexistent"))

SECRET_KEY = "not-secret"
USE_TZ = True
DATABASES = {
    "default": {
        **dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=60),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 5},
    }
}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "procrastinate.contrib.django",
    "rindle_django",
    "benchmarks.images",
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
RINDLE = {"TEMP_DIR": str(FOLDER)}
PROCRASTINATE_WORKER_DEFAULTS = {"delete_jobs": "successful"}
