"""A Django project with the other libraries installed."""

from __future__ import annotations

import os

FOLDER = os.environ.get("BENCHMARK_FOLDER", "/nonexistent")

SECRET_KEY = "not-secret"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "easy_thumbnails",
    "sorl.thumbnail",
    "imagekit",
    "pictures",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = FOLDER
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": FOLDER},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
THUMBNAIL_CACHE_DIMENSIONS = False
PICTURES = {"ASPECT_RATIOS": [None, "1/1"], "FILE_TYPES": ["JPEG"]}
