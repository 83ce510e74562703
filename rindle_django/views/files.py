"""What a file system needs a server for: taking a signed PUT, and serving a signed GET.

For development and small sites. Storages that sign URLs of their own never come here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import BinaryIO

from django.db.models import Q
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseNotModified,
)
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.http import parse_etags
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from rindle_django import ledger
from rindle_django.errors import RequestRefused
from rindle_django.models import StoredObject, UploadSession
from rindle_django.profiles import profile_of_row
from rindle_django.purge import take_back
from rindle_django.states import OPEN_SESSION_STATES, VERIFIED_ASSET_STATES
from rindle_django.storage import adapter_for
from rindle_django.storage.filesystem import FileSystemAdapter
from rindle_django.storage.tokens import GetGrant, PutGrant, read_get, read_put
from rindle_django.views.json import answers_json

CHUNK = 1 << 20
# A response of user bytes may be looked at, and do nothing else (S20).
SAFETY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "same-site",
    "Referrer-Policy": "no-referrer",
}


@csrf_exempt  # the token in the URL is the proof, and no cookie is read
@require_http_methods(["PUT"])
@answers_json
def put(request: HttpRequest, token: str) -> HttpResponse:
    """Store exactly what the token was signed for, once, while its upload is open."""
    grant = read_put(token)
    _check_request(request, grant)
    session = _open_session(grant)
    limit = profile_of_row(session.profile).max_bytes
    adapter_for(grant.alias).put_stream(
        grant.key,
        _chunks(request),
        length=grant.length,
        content_type=grant.content_type,
        limit=limit,
        sha256=grant.sha256,
    )
    # The same file may have been sent twice, and all be over by the time the slower one arrives.
    take_back(session.staging)
    return HttpResponse(status=201)


def _check_request(request: HttpRequest, grant: PutGrant) -> None:
    """As S3 does with a signed header: what was not sent as signed is not accepted."""
    received = request.headers.get("Content-Type", "")
    if received != grant.content_type:
        raise RequestRefused("type_mismatch", expected=grant.content_type, received=received)
    length = request.headers.get("Content-Length", "")
    if grant.length is not None and length != str(grant.length):
        raise RequestRefused(
            "length_mismatch", expected=grant.length, received=length or "an unknown number of"
        )


def _open_session(grant: PutGrant) -> UploadSession:
    session = (
        UploadSession.objects.select_related("staging")
        .filter(staging__storage=grant.alias, staging__key=grant.key)
        .first()
    )
    if session is None:
        raise RequestRefused("session_not_found")
    if session.state not in OPEN_SESSION_STATES:
        raise RequestRefused("ticket_used", state=session.state)
    return session


def _chunks(request: HttpRequest) -> Iterator[bytes]:
    while chunk := request.read(CHUNK):
        yield chunk


@require_safe
@answers_json
def media(request: HttpRequest, token: str) -> HttpResponseBase:
    """Serve what the token was signed for."""
    grant = read_get(token)
    stream = _open(grant)
    etag = f'"{hashlib.sha256(grant.key.encode()).hexdigest()[:32]}"'
    if _is_known(request, etag):
        stream.close()
        response: HttpResponseBase = HttpResponseNotModified()
    else:
        response = FileResponse(stream, content_type=grant.content_type)
        response.headers["Content-Disposition"] = grant.disposition or "inline"
    response.headers["ETag"] = etag  # keys are never reused, so a key is its content
    for name, value in SAFETY_HEADERS.items():
        response.headers[name] = value
    # As long as the link lives, in this browser only.
    patch_cache_control(response, private=True, max_age=_remaining_life(grant))
    return response


def _is_known(request: HttpRequest, etag: str) -> bool:
    """Whether the browser says that it has this already: one of a list, weak, or anything."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or etag in [each.removeprefix("W/") for each in known]


def _open(grant: GetGrant) -> BinaryIO:
    adapter = adapter_for(grant.alias)
    if not isinstance(adapter, FileSystemAdapter):
        raise RequestRefused("url_invalid")
    # A link outlives a deletion or a quarantine; what was taken back must not be shown any more,
    # and what is not verified never (X8).
    if not StoredObject.objects.filter(
        Q(state="present") | ledger.retired(),
        storage=grant.alias,
        key=grant.key,
        asset__state__in=VERIFIED_ASSET_STATES,
    ).exists():
        raise RequestRefused("media_not_found")
    return adapter.open(grant.key)


def _remaining_life(grant: GetGrant) -> int:
    """Seconds that the link has still to live."""
    return max(0, int(grant.expires - time.time()))
