"""What everybody has to make of a photo."""

from __future__ import annotations

QUALITY = 82
THUMB = 200  # a square, cut from the middle
WIDTHS = (800, 1600)  # boxes that the photo is fitted into
NAMES = ("thumb", "medium", "large")
