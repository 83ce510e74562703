"""The gallery as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    name = "example_project.gallery"
    label = "gallery"
    default_auto_field = "django.db.models.BigAutoField"
