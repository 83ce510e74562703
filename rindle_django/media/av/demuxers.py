"""Which demuxer may read a file, by its sniffed type. FFmpeg guesses none (S11, W3.12)."""

from __future__ import annotations

from collections.abc import Mapping

from rindle_django.errors import ContentRefused
from rindle_django.media.types import canonical

DEMUXERS: Mapping[str, str] = {
    **dict.fromkeys(
        ("video/mp4", "video/quicktime", "video/3gpp", "video/3gpp2", "audio/mp4"), "mov"
    ),
    **dict.fromkeys(
        ("video/webm", "video/x-matroska", "audio/webm", "audio/x-matroska"), "matroska"
    ),
    **dict.fromkeys(("video/ogg", "audio/ogg"), "ogg"),
    "video/x-msvideo": "avi",
    "video/mp2t": "mpegts",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/x-aiff": "aiff",
}


def demuxer_of(mime: str) -> str:
    """FFmpeg's name for it. Raises ContentRefused for a type that is neither audio nor video."""
    try:
        return DEMUXERS[canonical(mime)]
    except KeyError:
        raise ContentRefused("media_unreadable", detail=f"{mime} is not played here") from None
