"""One profile that takes in whatever can be seen or heard, and makes of it all it can."""

from __future__ import annotations

from django.conf import settings

from rindle_django import ImageRecipe, Profile, preset
from rindle_django.profiles import GB


class Anything(Profile):
    name = "anything"
    content_types = getattr(settings, "MATRIX_TYPES", ("image/jpeg",))
    max_bytes = 4 * GB
    variants = {
        "thumb": ImageRecipe(mode="fill", width=200, height=200),
        "medium": ImageRecipe(width=800, height=800, format="webp"),
        "video": preset("web_480p", effort="fast"),
        "stream": preset("hls", resolutions=(720, 360), effort="fast"),
        "poster": preset("poster"),
        "storyboard": preset("storyboard"),
        "preview": preset("preview"),
        "audio": preset("m4a_128k"),
        "waveform": preset("waveform"),
    }
