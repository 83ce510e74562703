"""What the bytes themselves say, held against everything the profile promises."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from rindle_django.errors import ContentRefused, RindleError, TransientFailure
from rindle_django.interruption import attentive
from rindle_django.media.images import ImageHeader, probe_image
from rindle_django.media.sniff import sniff
from rindle_django.media.types import MEDIA_TYPES, extension_agrees
from rindle_django.models import StoredObject, UploadSession
from rindle_django.processing.limits import limits_of
from rindle_django.profiles import Profile
from rindle_django.storage import adapter_for
from rindle_django.uploads.declared import allowed_content_types, extension_of

SNIFFED = 64 * 1024


@dataclass(frozen=True)
class Findings:
    """What was found out about the frozen bytes."""

    content_type: str
    kind: str
    byte_size: int
    sha256: str
    header: ImageHeader | None


def look_before(profile: type[Profile], session: UploadSession, source: StoredObject) -> str:
    """Refuse cheaply, from HEAD and one ranged read of ``source``; returns the type of its bytes.

    Raises ContentRefused. Nothing found here is trusted later: the client may still be writing.
    """
    adapter = adapter_for(source.storage)
    arrived = adapter.stat(source.key)
    if arrived is None:
        raise ContentRefused("content_length_mismatch", received=0, expected=session.byte_size)
    _check_size(profile, session, arrived.size)
    return _check_type(
        profile, session, adapter.read_range(source.key, 0, min(SNIFFED, arrived.size))
    )


def inspect(
    profile: type[Profile], session: UploadSession, frozen: StoredObject, folder: Path
) -> Findings:
    """Read the frozen bytes once, whole: hash, type, header and scanner.

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
        mime = _check_type(profile, session, stream.read(SNIFFED))
    header = _header(profile, path, mime)
    _scan(profile, path)
    return Findings(mime, MEDIA_TYPES[mime].kind, size, digest.hexdigest(), header)


def _check_size(profile: type[Profile], session: UploadSession, size: int) -> None:
    if size == 0:
        raise ContentRefused("empty_file")
    if size > profile.max_bytes:
        raise ContentRefused("bytes_exceeded", size=size, limit=profile.max_bytes)
    if session.byte_size is not None and size != session.byte_size:
        raise ContentRefused("content_length_mismatch", received=size, expected=session.byte_size)


def _check_type(profile: type[Profile], session: UploadSession, head: bytes) -> str:
    """Sniffed type, allow-list and file name have to agree; what is unknown is refused (S8)."""
    mime = sniff(head)
    if mime is None:
        raise ContentRefused("type_unknown")
    if mime not in allowed_content_types(profile):
        raise ContentRefused("mime_not_allowed", mime=mime)
    if not extension_agrees(session.filename, mime):
        raise ContentRefused(
            "extension_mismatch", extension=extension_of(session.filename), mime=mime
        )
    return mime


def _header(profile: type[Profile], path: Path, mime: str) -> ImageHeader | None:
    if MEDIA_TYPES[mime].kind != "image":
        return None
    return probe_image(path, mime, limits_of(profile))


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
