"""The album: whose photos, videos and sounds these are, and nothing about how they work."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from example_project.gallery.media import GalleryPhoto, GallerySound, GalleryVideo
from rindle_django import MediaSlots


class Album(models.Model):
    """One for each visitor, who is known by the session, and for each user."""

    owner = models.TextField(unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[models.Manager[Album]] = models.Manager()

    photos = MediaSlots(GalleryPhoto, limit=200)
    videos = MediaSlots(GalleryVideo, limit=50)
    sounds = MediaSlots(GallerySound, limit=50)

    # By the profile of what goes in.
    SLOTS: ClassVar[dict[str, str]] = {
        GalleryPhoto.name: "photos",
        GalleryVideo.name: "videos",
        GallerySound.name: "sounds",
    }

    def __str__(self) -> str:
        return f"album {self.pk}"
