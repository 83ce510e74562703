"""The profiles of the rows that are made: found by the library as those of any app are."""

from __future__ import annotations

import os

from rindle_django import ImageRecipe, Profile

VARIANTS_EACH = int(os.environ.get("BENCHMARKS_VARIANTS_EACH", "3"))
RECIPES = {
    f"variant{number}": ImageRecipe(width=100 * number, format="webp")
    for number in range(1, VARIANTS_EACH + 1)
}


class Picture(Profile):
    name = "picture"
    variants = RECIPES


class Portrait(Profile):
    name = "portrait"
    variants = RECIPES
