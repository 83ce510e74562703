"""The profile of the photos of a run; found by its import."""

from __future__ import annotations

from benchmarks.images.outputs import QUALITY, THUMB, WIDTHS
from rindle_django import ImageRecipe, Profile
from rindle_django.profiles import MB

MEDIUM, LARGE = WIDTHS


class BenchmarkPhoto(Profile):
    name = "benchmark-photo"
    content_types = ("image/jpeg",)
    max_bytes = 200 * MB
    max_pixels = 120_000_000
    variants = {
        "thumb": ImageRecipe(mode="fill", width=THUMB, height=THUMB, quality=QUALITY),
        "medium": ImageRecipe(width=MEDIUM, height=MEDIUM, quality=QUALITY),
        "large": ImageRecipe(width=LARGE, height=LARGE, quality=QUALITY),
    }
