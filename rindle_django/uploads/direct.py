"""The simple case: a file that went through the server, by the same steps as any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import IO, Any

from django.core.files import File

from rindle_django import telemetry
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import asked_by
from rindle_django.models import Asset, UploadSession
from rindle_django.profiles import Profile, get_profile
from rindle_django.storage import adapter_for
from rindle_django.uploads.declared import check_declared, type_by_name
from rindle_django.uploads.initiate import open_session
from rindle_django.uploads.verify import fail_session, verify_session

CHUNK = 1 << 20


@telemetry.traced("rindle.upload")
def upload(
    profile: str | type[Profile],
    file: File[Any] | IO[bytes],
    *,
    filename: str | None = None,
    content_type: str | None = None,
    actor: Any = None,
) -> Asset:
    """Store ``file`` and queue its promotion; returns the asset, ``validating``.

    Streams: the file is never whole in memory. The type that counts is the one the bytes show;
    ``content_type`` defaults to what the name says. Raises RequestRefused as ``initiate_upload``
    does; on any failure nothing is left but a failed session, which cleanup collects.
    """
    declaring = get_profile(profile)
    declaring.authorize(actor, "upload")
    name = filename or PurePath(getattr(file, "name", None) or "").name
    declared = check_declared(
        declaring,
        filename=name,
        content_type=content_type or type_by_name(declaring, name),
        byte_size=getattr(file, "size", None),
    )
    session = open_session(declaring, declared, actor)
    with asked_by(actor):
        _send(session, file, declaring.max_bytes)
        return verify_session(session)


def _send(session: UploadSession, file: File[Any] | IO[bytes], limit: int) -> None:
    try:
        adapter_for(session.staging.storage).put_stream(
            session.staging.key,
            _chunks(file),
            length=session.byte_size,
            content_type=session.content_type,
            limit=limit,
        )
    except RequestRefused as error:
        fail_session(session, error)
        raise


def _chunks(file: File[Any] | IO[bytes]) -> Iterator[bytes]:
    if isinstance(file, File):
        yield from file.chunks(CHUNK)
        return
    while chunk := file.read(CHUNK):
        yield chunk
