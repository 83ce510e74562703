"""Taking a signed PUT, for storages that cannot: the bytes of a client, into a file system."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from rindle_django.errors import RequestRefused
from rindle_django.models import UploadSession
from rindle_django.profiles import profile_of_row
from rindle_django.purge import take_back
from rindle_django.states import OPEN_SESSION_STATES
from rindle_django.storage import adapter_for
from rindle_django.storage.tokens import PutGrant, read_put
from rindle_django.views.json import answers_json

CHUNK = 1 << 20


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
