"""Serving a signed GET, for storages that cannot: files of a file system, whole or in part."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from typing import BinaryIO

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from rindle_django import events
from rindle_django.delivery.served import served_objects
from rindle_django.errors import RequestRefused
from rindle_django.models import StoredObject
from rindle_django.storage import adapter_for
from rindle_django.storage.filesystem import FileSystemAdapter
from rindle_django.storage.tokens import GetGrant, read_get
from rindle_django.views.json import answers_json, refusal
from rindle_django.views.ranges import ByteRange, requested_range
from rindle_django.views.safety import made_safe
from rindle_django.views.sending import file_response, handed_over


@dataclass(frozen=True)
class OpenFile:
    """``modified`` is in Unix seconds. Keys are never reused, so that the key is the ``etag``."""

    stream: BinaryIO
    size: int
    modified: int
    etag: str


@require_safe
@answers_json
def media(request: HttpRequest, token: str) -> HttpResponseBase:
    """Serve what the token was signed for."""
    grant = read_get(token)
    stored = _stored(grant)
    adapter = adapter_for(grant.alias)
    if not isinstance(adapter, FileSystemAdapter):
        raise RequestRefused("url_invalid")
    response: HttpResponseBase | None = handed_over(adapter, grant.key)
    if response is None:
        response = _answer(request, _opened(adapter, grant.key), grant, stored)
    if response.status_code in (200, 206):
        response.headers["Content-Type"] = grant.content_type
        response.headers["Content-Disposition"] = grant.disposition or "inline"
    if response.status_code < 400:
        # As long as the link lives, in this browser only.
        patch_cache_control(response, private=True, max_age=_remaining_life(grant))
    return made_safe(response)


def _stored(grant: GetGrant) -> StoredObject:
    rows = served_objects().filter(storage=grant.alias, key=grant.key)
    stored = rows.select_related("asset").first()
    if stored is None:
        raise RequestRefused("media_not_found")
    return stored


def _opened(adapter: FileSystemAdapter, key: str) -> OpenFile:
    try:
        stream = adapter.open(key)
    except RequestRefused as refused:  # the ledger has it, the disk does not (W4.11)
        raise RequestRefused("media_not_found") from refused
    found = os.fstat(stream.fileno())
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return OpenFile(stream, found.st_size, int(found.st_mtime), f'"{digest}"')


def _answer(
    request: HttpRequest, file: OpenFile, grant: GetGrant, stored: StoredObject
) -> HttpResponseBase:
    """A condition is answered before a range (RFC 9110, 13.2.2)."""
    try:
        unchanged = get_conditional_response(request, file.etag, file.modified)
        response = unchanged or _sent(request, file, grant, stored)
        if unchanged:
            file.stream.close()
    except BaseException:
        file.stream.close()
        raise
    response.headers["ETag"] = file.etag
    response.headers["Last-Modified"] = http_date(file.modified)
    return response


def _sent(
    request: HttpRequest, file: OpenFile, grant: GetGrant, stored: StoredObject
) -> HttpResponseBase:
    try:
        part = requested_range(request, size=file.size, etag=file.etag, modified=file.modified)
    except RequestRefused as refused:
        file.stream.close()
        response = refusal(refused)
        response.headers["Content-Range"] = f"bytes */{file.size}"
        return response
    if part is not None:
        _tell(part, file, grant, stored)
    return file_response(request, file.stream, file.size, part)


def _tell(part: ByteRange, file: OpenFile, grant: GetGrant, stored: StoredObject) -> None:
    events.emit(
        "rindle.delivery.range_request",
        {
            "profile": stored.asset.profile,
            "adapter": FileSystemAdapter.name,
            "key": stored.key,
            "actor_subject": grant.subject,
            "asset_id": str(stored.asset_id),
        },
        {"offset": part.first, "length": part.length, "file_size": file.size},
    )


def _remaining_life(grant: GetGrant) -> int:
    """Seconds that the link has still to live."""
    return max(0, int(grant.expires - time.time()))
