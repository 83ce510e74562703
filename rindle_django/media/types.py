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
    """One type of file. ``loader`` names its decoder family, for audio and video the demuxer of
    libavformat; None: taken in, never decoded.

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
    # 3GP is MP4 by an older name. QuickTime and MP4 go by each other's extensions as often as not.
    MediaType(
        "video/mp4",
        "video",
        (".mp4", ".m4v", ".mov", ".3gp", ".3gpp", ".3g2"),
        ("video/x-m4v", "video/3gpp", "video/3gpp2"),
        "mov",
        inline=True,
    ),
    MediaType("video/quicktime", "video", (".mov", ".qt", ".mp4", ".m4v"), (), "mov"),
    MediaType("video/webm", "video", (".webm",), (), "matroska", inline=True),
    MediaType("video/x-matroska", "video", (".mkv",), ("video/matroska",), "matroska"),
    MediaType("video/ogg", "video", (".ogv", ".ogg"), (), "ogg", inline=True),
    MediaType(
        "video/x-msvideo",
        "video",
        (".avi",),
        ("video/avi", "video/msvideo", "video/vnd.avi"),
        "avi",
    ),
    MediaType("audio/mpeg", "audio", (".mp3",), ("audio/mp3", "audio/x-mp3"), "mp3", inline=True),
    # Recorders name audio by its container as often as by its content (X12).
    MediaType(
        "audio/mp4",
        "audio",
        (".m4a", ".m4b", ".mp4", ".mov", ".3gp", ".3gpp"),
        ("audio/x-m4a", "audio/m4a", "audio/3gpp", "audio/3gpp2"),
        "mov",
        inline=True,
    ),
    MediaType("audio/webm", "audio", (".weba", ".webm"), (), "matroska", inline=True),
    MediaType("audio/x-matroska", "audio", (".mka", ".mkv"), ("audio/matroska",), "matroska"),
    MediaType(
        "audio/ogg",
        "audio",
        (".ogg", ".oga", ".opus"),
        ("application/ogg", "audio/opus", "audio/vorbis"),
        "ogg",
        inline=True,
    ),
    MediaType(
        "audio/wav",
        "audio",
        (".wav", ".wave"),
        ("audio/x-wav", "audio/wave", "audio/vnd.wave"),
        "wav",
        inline=True,
    ),
    MediaType("audio/flac", "audio", (".flac",), ("audio/x-flac",), "flac", inline=True),
    MediaType("audio/aac", "audio", (".aac",), ("audio/x-aac", "audio/aacp"), "aac"),
    MediaType(
        "audio/aiff", "audio", (".aiff", ".aif", ".aifc"), ("audio/x-aiff", "audio/x-aifc"), "aiff"
    ),
    MediaType("application/pdf", "document", (".pdf",), ("application/x-pdf",)),
    MediaType("application/zip", "document", (".zip",), ("application/x-zip-compressed",)),
    MediaType("text/html", "document", (".html", ".htm", ".xhtml"), ("application/xhtml+xml",)),
    # What we write beside video; never sniffed, so never accepted.
    MediaType("application/vnd.apple.mpegurl", "document", (".m3u8",), inline=True),
    MediaType("text/vtt", "document", (".vtt",), inline=True),
    MediaType("application/json", "document", (".json",), inline=True),
    MediaType("application/xml", "document", (".xml",), ("text/xml",)),
)

# One container may hold either: which it is shows in its streams alone.
_SOUND_OF: Mapping[str, str] = {
    "video/mp4": "audio/mp4",
    "video/quicktime": "audio/mp4",
    "video/webm": "audio/webm",
    "video/x-matroska": "audio/x-matroska",
    "video/ogg": "audio/ogg",
}
_PICTURES_OF = {sound: seen for seen, sound in reversed(list(_SOUND_OF.items()))}

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


def type_of_kind(mime: str, kind: str) -> str | None:
    """What a file that begins as one of ``mime`` is called when ``kind`` is what it holds; None if
    there is no such thing."""
    if MEDIA_TYPES[mime].kind == kind:
        return mime
    return (_SOUND_OF if kind == "audio" else _PICTURES_OF).get(mime)


def may_be(mime: str) -> frozenset[str]:
    """All that a file which begins as one of ``mime`` may turn out to be, by what it holds."""
    return frozenset({mime, _SOUND_OF.get(mime, mime), _PICTURES_OF.get(mime, mime)})
