"""What the gallery takes in and what it makes of it. Found by its name, as ``admin.py`` is."""

from __future__ import annotations

from rindle_django import ImageRecipe, Profile
from rindle_django.profiles import MB


class GalleryPhoto(Profile):
    """Photos of visitors: no account is needed, a session is enough."""

    name = "gallery-photo"
    content_types = (
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/gif",
        "image/heic",
        "image/avif",
    )
    max_bytes = 40 * MB
    anonymous_uploads = True
    variants = {
        "thumb": ImageRecipe(mode="fill", width=400, height=400, format="webp", animated=False),
        "small": ImageRecipe(width=200, height=200, format="jpeg"),
        "medium": ImageRecipe(width=1000, height=1000, format="webp"),
        "large": ImageRecipe(width=2000, height=2000, format="avif"),
    }
