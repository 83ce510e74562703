"""Profiles of the test project."""

from __future__ import annotations

from typing import Any

from rindle_django import Delivery, ImageRecipe, Profile
from rindle_django.profiles import MB


class Photo(Profile):
    name = "photo"
    content_types = ("image/jpeg", "image/png", "image/webp", "image/gif")
    max_bytes = 20 * MB
    variants = {
        "thumb": ImageRecipe(mode="fill", width=200, height=200),
        "medium": ImageRecipe(width=800, height=800, format="webp"),
        "large": ImageRecipe(width=1600, height=1600, format="avif"),
    }


class Plain(Profile):
    """No variants at all."""

    name = "plain"
    content_types = ("image/jpeg", "image/png", "application/pdf")
    max_bytes = 1 * MB
    anonymous_uploads = True


class Tiny(Profile):
    """Strict about everything."""

    name = "tiny"
    content_types = ("image/png",)
    max_bytes = 100_000
    max_pixels = 10_000
    variants = {"dot": ImageRecipe(width=10, height=10, format="png")}


class Open(Profile):
    name = "open"
    storage = "public"
    delivery = Delivery(public=True)
    variants = {"thumb": ImageRecipe(width=50, format="webp")}


class OnlyOwner:
    def authorize(self, actor: Any, action: str, asset: Any) -> bool:
        if action == "upload":
            return actor is not None
        return actor is not None and str(actor) == asset.actor


class Guarded(Profile):
    name = "guarded"
    authorizer = OnlyOwner()
    variants = {"thumb": ImageRecipe(width=50)}
