"""What a client declares of a file before it sends it, checked against the profile."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from rindle_django.errors import Misconfigured, RequestRefused
from rindle_django.media.av.ffmpeg import find_ffmpeg
from rindle_django.media.av.needs import inspectable, is_media, needs_transcoder
from rindle_django.media.images import decodable
from rindle_django.media.types import MEDIA_TYPES, canonical, may_be
from rindle_django.profiles import Profile

MAX_FILENAME = 255
# Invisible characters that reorder text: "exe.gpj" must not be shown as "jpg.exe" (S16).
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Declared:
    """A file as declared. ``byte_size`` is None only for a stream that the server sends."""

    filename: str
    content_type: str
    byte_size: int | None
    sha256: str


def check_declared(
    profile: type[Profile],
    *,
    filename: str,
    content_type: str,
    byte_size: int | None,
    sha256: str = "",
) -> Declared:
    """The declaration, cleaned. Raises RequestRefused with the code of the first fault."""
    declared = Declared(
        filename=clean_filename(filename),
        content_type=canonical(content_type),
        byte_size=byte_size,
        sha256=sha256.lower(),
    )
    _check_type(profile, declared)
    _check_length(profile, declared.byte_size)
    if declared.sha256 and not re.fullmatch(r"[0-9a-f]{64}", declared.sha256):
        raise RequestRefused("checksum_invalid")
    return declared


def clean_filename(filename: str) -> str:
    """The name as data: last path component, NFC, nothing that controls or reorders text."""
    if "\x00" in filename:
        raise RequestRefused("filename_invalid", why="it holds a NUL character")
    if any(unicodedata.category(char) == "Cs" for char in filename):
        # JSON can say half a surrogate pair; Postgres cannot keep it.
        raise RequestRefused("filename_invalid", why="it is not valid Unicode")
    last = re.split(r"[\\/]", filename)[-1]
    name = _BIDI.sub("", unicodedata.normalize("NFC", last))
    name = "".join(char for char in name if unicodedata.category(char) != "Cc").strip()
    if name in ("", ".", ".."):
        raise RequestRefused("filename_invalid", why="it is empty")
    if len(name) > MAX_FILENAME:
        raise RequestRefused("filename_invalid", why=f"it is longer than {MAX_FILENAME} characters")
    return name


def extension_of(filename: str) -> str:
    """Lower-cased, with its dot; empty if there is none (P12)."""
    return PurePosixPath(filename).suffix.lower()


def allowed_content_types(profile: type[Profile]) -> frozenset[str]:
    return frozenset(canonical(each) for each in profile.content_types)


def allowed_extensions(profile: type[Profile]) -> frozenset[str]:
    """The profile's own list, or what its content types are called."""
    if profile.extensions:
        return frozenset("." + each.lower().lstrip(".") for each in profile.extensions)
    return frozenset(
        extension
        for content_type in allowed_content_types(profile)
        if content_type in MEDIA_TYPES
        for extension in MEDIA_TYPES[content_type].extensions
    )


def type_by_name(profile: type[Profile], filename: str) -> str:
    """The type that a file of this name is declared as when nobody says: the one that goes by the
    extension first of all, among those that ``profile`` takes if there are any."""
    extension = extension_of(filename)
    known = [each for each in MEDIA_TYPES.values() if extension in each.extensions]
    known.sort(key=lambda each: each.extensions.index(extension))
    taken = [each for each in known if each.mime in allowed_content_types(profile)]
    return next((each.mime for each in taken or known), "application/octet-stream")


def _check_type(profile: type[Profile], declared: Declared) -> None:
    allowed = allowed_content_types(profile)
    # Browsers name audio by its container: what it is will show in its streams (X12).
    if allowed.isdisjoint(may_be(declared.content_type)):
        raise RequestRefused(
            "content_type_not_allowed",
            content_type=declared.content_type,
            allowed=", ".join(sorted(allowed)),
        )
    extensions, extension = allowed_extensions(profile), extension_of(declared.filename)
    if extension not in extensions:
        raise RequestRefused(
            "extension_not_allowed", extension=extension, allowed=", ".join(sorted(extensions))
        )
    _check_decodable(profile, declared.content_type)


def _check_decodable(profile: type[Profile], content_type: str) -> None:
    # Said now, not when the worker fails on a file that was accepted (HEIC without a decoder).
    hint = None
    if is_media(content_type):
        hint = inspectable(content_type)
    elif MEDIA_TYPES[content_type].kind == "image":
        hint = decodable(content_type)
    if hint is not None:
        raise Misconfigured("decoder_missing", mime=content_type, hint=hint)
    if is_media(content_type) and needs_transcoder(profile):
        find_ffmpeg()


def _check_length(profile: type[Profile], byte_size: int | None) -> None:
    if byte_size is None:
        return
    if isinstance(byte_size, bool) or not isinstance(byte_size, int) or byte_size < 1:
        raise RequestRefused("length_invalid")
    if byte_size > profile.max_bytes:
        raise RequestRefused("bytes_exceeded_upload", limit=profile.max_bytes)
