"""Settings of the example project. The database is DATABASE_URL; manage.py starts one if unset."""

from __future__ import annotations

import os
from pathlib import Path

import dj_database_url

PROJECT = Path(__file__).resolve().parents[1]
VAR = Path(os.environ.get("EXAMPLE_VAR", PROJECT.parent / "var" / "example"))

SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-this-example-on-your-own-machine")
DEBUG = os.environ.get("DEBUG", "1") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
USE_TZ = True
TIME_ZONE = "UTC"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "procrastinate.contrib.django",
    "rindle_django",
    "example_project.gallery",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "example_project.config.policy.admin_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT / "templates"],
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
ROOT_URLCONF = "example_project.config.urls"
WSGI_APPLICATION = "example_project.config.wsgi.application"
ASGI_APPLICATION = "example_project.config.asgi.application"

DATABASES = {"default": dj_database_url.config(default="postgresql:///rindle")}
# A process that is frozen in the midst of a transaction must not keep others waiting for ever.
DATABASES["default"].setdefault("OPTIONS", {})["options"] = (
    "-c idle_in_transaction_session_timeout=30s -c lock_timeout=10s"
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"


def photo_storage() -> dict[str, object]:
    """Files below VAR, or the S3 server that S3_ENDPOINT_URL and the AWS_* variables name.

    The bucket must exist and let this site's origin PUT (CORS).
    """
    endpoint = os.environ.get("S3_ENDPOINT_URL")
    if not endpoint:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": VAR / "media"},
        }
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "endpoint_url": endpoint,
            "bucket_name": os.environ["AWS_STORAGE_BUCKET_NAME"],
            "access_key": os.environ["AWS_ACCESS_KEY_ID"],
            "secret_key": os.environ["AWS_SECRET_ACCESS_KEY"],
            "region_name": os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
            "addressing_style": "path",
        },
    }


STORAGES = {
    "default": photo_storage(),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Where the gallery's page may send files to and show photos from, besides its own origin.
GALLERY_MEDIA_ORIGIN = os.environ.get("S3_ENDPOINT_URL", "")

RINDLE = {
    "UNATTACHED_TTL": 86_400,  # uploads that never came into an album
    "SCHEDULES": {"abort_incomplete_uploads": "0 1 * * *", "cleanup_orphans": "0 2 * * *"},
}
