"""Owners of photos."""

from __future__ import annotations

from django.db import models

from rindle_django import MediaSlot


class Picture(models.Model):
    title = models.CharField(max_length=100)
    photo = MediaSlot("wall")

    def __str__(self) -> str:
        return self.title


class Painter(models.Model):
    name = models.CharField(max_length=100)
    photo = MediaSlot("wall")

    def __str__(self) -> str:
        return self.name
