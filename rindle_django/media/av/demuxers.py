"""Which demuxer may read a file, by its sniffed type. FFmpeg guesses none (S11, W3.12)."""

from __future__ import annotations

from rindle_django.errors import ContentRefused
from rindle_django.media.types import MEDIA_TYPES, canonical


def demuxer_of(mime: str) -> str:
    """FFmpeg's name for it. Raises ContentRefused for a type that is neither audio nor video."""
    known = MEDIA_TYPES.get(canonical(mime))
    if known is None or known.loader is None or known.kind not in ("audio", "video"):
        raise ContentRefused("media_unreadable", detail=f"{mime} is not played here")
    return known.loader
