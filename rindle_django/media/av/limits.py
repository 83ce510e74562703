"""How much an audio or video file may ask of whoever looks into it."""

from __future__ import annotations

from dataclasses import dataclass

from rindle_django.errors import ContentRefused
from rindle_django.media.limits import Budget


@dataclass(frozen=True, kw_only=True)
class MediaLimits(Budget):
    """Bounds of one file. ``max_duration`` is in seconds, pixels and sides are those of one frame.

    What a file says of its length is never a budget: how long looking into it takes is bounded by
    ``wall_seconds`` alone.
    """

    max_duration: float = 4 * 3600.0
    max_pixels: int = 50_000_000
    max_side: int = 16_384
    max_tracks: int = 32


def check_frame(width: int, height: int, limits: MediaLimits) -> None:
    """Refuse frames that are too large, before one is decoded (S11). Raises ContentRefused."""
    side, pixels = max(width, height), width * height
    if side > limits.max_side:
        raise ContentRefused("side_exceeded", side=side, limit=limits.max_side)
    if pixels > limits.max_pixels:
        raise ContentRefused("pixels_exceeded", pixels=pixels, limit=limits.max_pixels)


def check_tracks(tracks: int, limits: MediaLimits) -> None:
    if tracks > limits.max_tracks:
        raise ContentRefused("tracks_exceeded", tracks=tracks, limit=limits.max_tracks)


def check_duration(seconds: float, limits: MediaLimits) -> None:
    if seconds > limits.max_duration:
        raise ContentRefused("duration_exceeded", seconds=seconds, limit=limits.max_duration)
