"""Owners, as a site would have them."""

from __future__ import annotations

from django.db import models

from rindle_django import MediaSlot, MediaSlots


class Album(models.Model):
    cover = MediaSlot("snap")
    snaps = MediaSlots("snap")
    notes = MediaSlots("note")

    class Meta:
        app_label = "chaos"

    def __str__(self) -> str:
        return f"album {self.pk}"
