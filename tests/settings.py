"""Settings of the test suite. Postgres comes from DATABASE_URL or an embedded server."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dj_database_url

from tests.plugins.postgres import database_url

SECRET_KEY = "not-secret"
USE_TZ = True
DEBUG = False
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": dj_database_url.parse(database_url())}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "procrastinate.contrib.django",
    "rindle_django",
    "tests.app",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "tests.urls"
STATIC_URL = "/static/"
MEDIA_ROOT = Path(tempfile.gettempdir()) / "rindle-tests-media"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": MEDIA_ROOT},
    },
    "public": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": MEDIA_ROOT, "base_url": "/public-media/"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Backoff and takeover in test time; the reconciler is called, not waited for.
RINDLE = {
    "BACKOFF_BASE": 0.01,
    "SUPERSEDED_GRACE": 0,
    "SCHEDULES": {"abort_incomplete_uploads": "0 1 * * *", "cleanup_orphans": "0 2 * * *"},
}
