"""What the bytes themselves say, held against everything the profile promises."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rindle_django import telemetry
from rindle_django.errors import ContentRefused, RindleError, TransientFailure
from rindle_django.interruption import attentive
from rindle_django.media import sandbox
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.needs import is_media
from rindle_django.media.av.probe import probe_media
from rindle_django.media.images import probe_image
from rindle_django.media.sniff import sniff
from rindle_django.media.types import MEDIA_TYPES, extension_agrees, may_be, type_of_kind
from rindle_django.models import StoredObject, UploadSession
from rindle_django.processing.limits import limits_of, media_limits_of
from rindle_django.profiles import Profile
from rindle_django.storage import adapter_for
from rindle_django.uploads.declared import allowed_content_types, extension_of

SNIFFED = 64 * 1024
IMAGE_COLUMNS = ("width", "height", "pages", "has_alpha")
# What a file is not said to have, it has not: also when it is measured again.
_NOTHING: dict[str, Any] = {
    **dict.fromkeys((*IMAGE_COLUMNS, "duration_ms", "has_video", "has_audio")),
    "media_info": {},
}


@dataclass(frozen=True)
class Findings:
    """What was found out about the frozen bytes. ``measured`` are the columns of an asset that say
    what is in the file."""

    content_type: str
    byte_size: int
    sha256: str
    measured: dict[str, Any]


def look_before(profile: type[Profile], session: UploadSession, source: StoredObject) -> str:
    """Refuse cheaply, from HEAD and one ranged read of ``source``; returns the type of its bytes.

    Of audio and video it is what they may be and the profile takes: only the streams tell.
    Raises ContentRefused. Nothing found here is trusted later: the client may still be writing.
    """
    adapter = adapter_for(source.storage)
    arrived = adapter.stat(source.key)
    if arrived is None:
        raise ContentRefused("content_length_mismatch", received=0, expected=session.byte_size)
    _check_size(profile, session, arrived.size)
    head = adapter.read_range(source.key, 0, min(SNIFFED, arrived.size))
    return _possible_type(profile, session, head)


def prepare(profile: type[Profile], mime: str) -> None:
    """Have what will look inside ready by the time that the bytes are here."""
    if is_media(mime) or MEDIA_TYPES[mime].kind == "image":
        sandbox.prepare(limits_of(profile))


def inspect(
    profile: type[Profile], session: UploadSession, frozen: StoredObject, folder: Path
) -> Findings:
    """Read the frozen bytes once, whole: hash, type, header or streams, and scanner.

    Raises ContentRefused for what is wrong with them, TransientFailure for what kept us from
    knowing; only the first is ever held against the file (U19, W1.5).
    """
    path = folder / "original"
    digest = hashlib.sha256()
    size = adapter_for(frozen.storage).download(
        frozen.key, path, on_chunk=attentive(digest.update), limit=profile.max_bytes
    )
    _check_size(profile, session, size)
    if session.sha256 and digest.hexdigest() != session.sha256:
        raise ContentRefused("checksum_mismatch")
    with path.open("rb") as stream:
        _possible_type(profile, session, stream.read(SNIFFED))
    mime, measured = measure(profile, path)
    _check_type(profile, session, mime)
    _scan(profile, path)
    return Findings(mime, size, digest.hexdigest(), measured)


def measure(profile: type[Profile], path: Path) -> tuple[str, dict[str, Any]]:
    """The type of a file and the columns of an asset that say what is in it.

    Raises ContentRefused, Misconfigured, TransientFailure.
    """
    with path.open("rb") as stream:
        mime = _sniffed(stream.read(SNIFFED))
    if is_media(mime):
        facts = _facts(profile, path, mime)
        named = type_of_kind(mime, facts.kind)
        if named is None:
            raise ContentRefused("media_unreadable", detail=f"it is {mime} with nothing but sound")
        return named, _NOTHING | facts.columns()
    return mime, _NOTHING | {"kind": MEDIA_TYPES[mime].kind} | _header(profile, path, mime)


def _check_size(profile: type[Profile], session: UploadSession, size: int) -> None:
    if size == 0:
        raise ContentRefused("empty_file")
    if size > profile.max_bytes:
        raise ContentRefused("bytes_exceeded", size=size, limit=profile.max_bytes)
    if session.byte_size is not None and size != session.byte_size:
        raise ContentRefused("content_length_mismatch", received=size, expected=session.byte_size)


def _sniffed(head: bytes) -> str:
    mime = sniff(head)
    if mime is None:
        raise ContentRefused("type_unknown")
    return mime


def _possible_type(profile: type[Profile], session: UploadSession, head: bytes) -> str:
    """A type that the file may be of, and be taken as. Raises ContentRefused if there is none."""
    mime = _sniffed(head)
    taken = [each for each in sorted(may_be(mime)) if _refusal(profile, session, each) is None]
    if not taken:
        _check_type(profile, session, mime)
    return mime if mime in taken else taken[0]


def _check_type(profile: type[Profile], session: UploadSession, mime: str) -> None:
    """Type, allow-list and file name have to agree; what is unknown is refused (S8)."""
    refusal = _refusal(profile, session, mime)
    if refusal is not None:
        raise refusal


def _refusal(profile: type[Profile], session: UploadSession, mime: str) -> ContentRefused | None:
    if mime not in allowed_content_types(profile):
        return ContentRefused("mime_not_allowed", mime=mime)
    if not extension_agrees(session.filename, mime):
        extension = extension_of(session.filename)
        return ContentRefused("extension_mismatch", extension=extension, mime=mime)
    return None


def _header(profile: type[Profile], path: Path, mime: str) -> dict[str, Any]:
    """What an image's header says; of other files, nothing."""
    if MEDIA_TYPES[mime].kind != "image":
        return {}
    with telemetry.span("rindle.decode", attributes={"rindle.operation": "probe"}):
        header = probe_image(path, mime, limits_of(profile))
    return {name: getattr(header, name) for name in IMAGE_COLUMNS}


def _facts(profile: type[Profile], path: Path, mime: str) -> MediaFacts:
    with telemetry.span("rindle.decode", attributes={"rindle.operation": "probe"}):
        return probe_media(path, mime, media_limits_of(profile))


def _scan(profile: type[Profile], path: Path) -> None:
    if profile.scanner is None:
        return
    try:
        verdict = profile.scanner.scan(path)
    except RindleError:
        raise
    except Exception as error:
        raise TransientFailure("scanner_unavailable", detail=type(error).__name__) from error
    if verdict is not None:
        raise ContentRefused("scanner_refused", verdict=verdict)
