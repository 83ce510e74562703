"""What hangs in the gallery: a photo in five widths."""

from __future__ import annotations

from rindle_django import ImageRecipe, Profile

WIDTHS = (320, 640, 960, 1280, 1600)


class Wall(Profile):
    name = "wall"
    variants = {f"w{width}": ImageRecipe(width=width, format="webp") for width in WIDTHS}
