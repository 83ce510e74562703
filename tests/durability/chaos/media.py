"""Profiles of the run: small files, so that it is the machinery that is tried and not libvips."""

from __future__ import annotations

from rindle_django import ImageRecipe, Profile
from rindle_django.profiles import MB


class Note(Profile):
    name = "note"
    content_types = ("application/pdf",)
    max_bytes = 1 * MB


class Snap(Profile):
    name = "snap"
    content_types = ("image/jpeg",)
    max_bytes = 1 * MB
    variants = {
        "thumb": ImageRecipe(mode="fill", width=16, height=16),
        "small": ImageRecipe(width=32, format="webp"),
    }
