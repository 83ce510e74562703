"""The types of file the library knows: names, aliases, extensions, and who can decode them.

Being listed means being recognised, not being accepted: that is for a profile to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

MediaKind = Literal["image", "video", "audio", "document"]


@dataclass(frozen=True)
class MediaType:
    """One type of file. ``loader`` names its decoder family, None: taken in, never decoded.

    ``inline`` says whether a browser may show it in place: nothing that can carry script may
    (S20).
    """

    mime: str
    kind: MediaKind
    extensions: tuple[str, ...]  # the first is the one we write
    aliases: tuple[str, ...] = ()
    loader: str | None = None
    inline: bool = False


_TABLE = (
    MediaType(
        "image/jpeg",
        "image",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        ("image/jpg", "image/pjpeg"),
        "jpeg",
        inline=True,
    ),
    MediaType("image/png", "image", (".png",), ("image/x-png",), "png", inline=True),
    MediaType("image/gif", "image", (".gif",), (), "gif", inline=True),
    MediaType("image/webp", "image", (".webp",), ("image/x-webp",), "webp", inline=True),
    MediaType("image/avif", "image", (".avif", ".avifs"), ("image/avif-sequence",), "avif", True),
    MediaType(
        "image/heic",
        "image",
        (".heic", ".heif", ".hif", ".heics", ".heifs"),
        ("image/heif", "image/heic-sequence", "image/heif-sequence"),
        "heic",
    ),
    MediaType("image/tiff", "image", (".tif", ".tiff"), ("image/x-tiff",), "tiff"),
    # SVG is a program that draws: kept as a document, downloaded, never decoded or shown (S3).
    MediaType("image/svg+xml", "document", (".svg",), ("image/svg",)),
    MediaType("video/mp4", "video", (".mp4", ".m4v"), ("video/x-m4v",), inline=True),
    MediaType("video/quicktime", "video", (".mov", ".qt")),
    MediaType("video/webm", "video", (".webm",), inline=True),
    MediaType("video/ogg", "video", (".ogv", ".ogg"), inline=True),
    MediaType("audio/mpeg", "audio", (".mp3",), ("audio/mp3", "audio/x-mp3"), inline=True),
    # Recorders name audio by its container as often as by its content (X12).
    MediaType(
        "audio/mp4", "audio", (".m4a", ".m4b", ".mp4"), ("audio/x-m4a", "audio/m4a"), inline=True
    ),
    MediaType("audio/webm", "audio", (".weba", ".webm"), inline=True),
    MediaType(
        "audio/ogg",
        "audio",
        (".ogg", ".oga", ".opus"),
        ("application/ogg", "audio/opus", "audio/vorbis"),
        inline=True,
    ),
    MediaType(
        "audio/wav",
        "audio",
        (".wav", ".wave"),
        ("audio/x-wav", "audio/wave", "audio/vnd.wave"),
        inline=True,
    ),
    MediaType("audio/flac", "audio", (".flac",), ("audio/x-flac",), inline=True),
    MediaType("application/pdf", "document", (".pdf",), ("application/x-pdf",)),
    MediaType("application/zip", "document", (".zip",), ("application/x-zip-compressed",)),
    MediaType("text/html", "document", (".html", ".htm", ".xhtml"), ("application/xhtml+xml",)),
    # What we write beside video; never sniffed, so never accepted.
    MediaType("application/vnd.apple.mpegurl", "document", (".m3u8",), inline=True),
    MediaType("text/vtt", "document", (".vtt",), inline=True),
    MediaType("application/json", "document", (".json",), inline=True),
    MediaType("application/xml", "document", (".xml",), ("text/xml",)),
)

# What to do where a type that could be decoded cannot.
REMEDIES: Mapping[str, str] = {
    "image/heic": "install pillow-heif: pip install 'rindle-django[heic]'",
    "image/avif": "install libvips, or a Pillow with AVIF: pip install 'rindle-django[vips]'",
    "image/tiff": "TIFF is not decoded; convert it before the upload",
}

MEDIA_TYPES: Mapping[str, MediaType] = {each.mime: each for each in _TABLE}
INLINE_TYPES = frozenset(each.mime for each in _TABLE if each.inline)
_CANONICAL = {alias: each.mime for each in _TABLE for alias in (each.mime, *each.aliases)}


def canonical(mime: str) -> str:
    """The one name of a type: parameters dropped, lower case, aliases resolved (X12)."""
    bare = mime.partition(";")[0].strip().lower()
    return _CANONICAL.get(bare, bare)


def extension_agrees(filename: str, mime: str) -> bool:
    """Whether the last extension of ``filename`` is one that files of ``mime`` go by."""
    known = MEDIA_TYPES.get(canonical(mime))
    return known is not None and PurePosixPath(filename).suffix.lower() in known.extensions


def extension_for(mime: str) -> str:
    """The extension, with its dot, that we give a file of ``mime``; empty for unknown types."""
    known = MEDIA_TYPES.get(canonical(mime))
    return known.extensions[0] if known else ""
