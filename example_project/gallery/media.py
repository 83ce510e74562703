"""What the gallery takes in and what it makes of it. Found by its name, as ``admin.py`` is."""

from __future__ import annotations

from rindle_django import (
    AudioRecipe,
    ImageRecipe,
    PosterRecipe,
    Profile,
    VideoRecipe,
    WaveformRecipe,
)
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


class GalleryVideo(Profile):
    """Videos: what is made of them plays in every browser, whatever the phone recorded."""

    name = "gallery-video"
    content_types = ("video/mp4", "video/quicktime", "video/webm")
    max_bytes = 200 * MB
    max_duration = 600
    anonymous_uploads = True
    variants = {
        "thumb": PosterRecipe(width=800, height=800, format="webp"),
        "small": VideoRecipe(resolution=360, effort="fast"),
        "medium": VideoRecipe(resolution=720, effort="fast"),
    }


class GallerySound(Profile):
    """Sound: one file of even loudness to listen to, and a picture of it for the card."""

    name = "gallery-sound"
    content_types = ("audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav", "audio/flac")
    max_bytes = 100 * MB
    max_duration = 3600
    anonymous_uploads = True
    variants = {
        "thumb": WaveformRecipe(format="png", points=100, width=800, height=320, color="#0e8ba3"),
        "listen": AudioRecipe(format="m4a", loudness=-16.0),
    }


# By the kind of file, as its content type begins.
PROFILES = {"image": GalleryPhoto, "video": GalleryVideo, "audio": GallerySound}
