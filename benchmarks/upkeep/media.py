"""The profile of the rows: found by the library as that of any app is."""

from __future__ import annotations

from rindle_django import ImageRecipe, Profile


class Upkeep(Profile):
    name = "upkeep"
    content_types = ("image/jpeg",)
    anonymous_uploads = True
    variants = {"thumb": ImageRecipe(width=200, format="webp")}
