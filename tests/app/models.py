"""Owners of every sort of primary key, as an adopter's models would be."""

from __future__ import annotations

import uuid

from django.db import models

from rindle_django import MediaSlot, MediaSlots


class Illustrated(models.Model):
    banner = MediaSlot("photo")

    class Meta:
        abstract = True


class Article(Illustrated):
    title = models.CharField(max_length=100, default="")
    cover = MediaSlot("photo")
    photos = MediaSlots("photo", limit=3)

    def __str__(self) -> str:
        return self.title


class Member(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    avatar = MediaSlot("photo")
    cover = MediaSlot("photo")

    def __str__(self) -> str:
        return str(self.id)


class Tag(models.Model):
    slug = models.SlugField(primary_key=True)
    icon = MediaSlot("photo")
    cover = MediaSlot("photo")

    def __str__(self) -> str:
        return self.slug
