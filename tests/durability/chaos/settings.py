"""Settings of a run. What differs between runs comes by the environment."""

from __future__ import annotations

import json
import os

import dj_database_url

from tests.durability.chaos.journal import folder

SECRET_KEY = "not-secret"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
DATABASES = {
    "default": dj_database_url.parse(
        os.environ.get("DATABASE_URL", "postgresql:///only-in-a-run"), conn_max_age=60
    )
}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "procrastinate.contrib.django",
    "rindle_django",
    "tests.durability.chaos.apps.ChaosConfig",
]
ROOT_URLCONF = "tests.durability.chaos.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STORAGES = {
    "default": {
        "BACKEND": "tests.durability.chaos.weather.WeatheredStorage",
        "OPTIONS": {"location": folder() / "storage"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
RINDLE = {
    "TEMP_DIR": str(folder() / "work"),
    "SUPERSEDED_GRACE": 0,
    **json.loads(os.environ.get("CHAOS_RINDLE", "{}")),
}
PROCRASTINATE_WORKER_DEFAULTS = {
    "delete_jobs": "successful",
    **json.loads(os.environ.get("CHAOS_WORKER", "{}")),
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(process)d %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
