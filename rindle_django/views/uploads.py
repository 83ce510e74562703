"""The steps of a direct upload over HTTP: begin, sign again, verify, abort; and how it fares."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from rindle_django.profiles import get_profile
from rindle_django.storage import SignedRequest
from rindle_django.uploads import abort_upload, initiate_upload, sign_upload, verify_upload
from rindle_django.views.actors import actor_of, uploader_of
from rindle_django.views.json import answers_json, body_of, text
from rindle_django.views.progress import described, load


@require_POST
@answers_json
def begin(request: HttpRequest) -> HttpResponse:
    """Promise an upload and say where the bytes go.

    Body: profile, filename, content_type, byte_size, and sha256 if known. Anything else in it is
    ignored: a client sets nothing but what it declares (S14).
    """
    body = body_of(request)
    profile = get_profile(text(body, "profile"))
    actor = uploader_of(request, profile)
    ticket = initiate_upload(
        profile,
        filename=text(body, "filename"),
        content_type=text(body, "content_type"),
        byte_size=body.get("byte_size", 0),
        sha256=text(body, "sha256", ""),
        actor=actor,
    )
    answer = {
        "ticket": ticket.ticket,
        "asset_id": ticket.asset_id,
        "expires_in": ticket.expires_in,
        "upload": _signed(sign_upload(ticket.ticket, actor=actor)),
    }
    return JsonResponse(answer, status=201)


@require_POST
@answers_json
def sign(request: HttpRequest) -> HttpResponse:
    """A fresh upload URL for a ticket whose former one was lost or ran out."""
    ticket = text(body_of(request), "ticket")
    return JsonResponse({"upload": _signed(sign_upload(ticket, actor=actor_of(request)))})


@require_POST
@answers_json
def verify(request: HttpRequest) -> HttpResponse:
    """The client says that its bytes are there. Safe to repeat."""
    actor = actor_of(request)
    asset = verify_upload(text(body_of(request), "ticket"), actor=actor)
    return JsonResponse({"asset": described(load(asset.pk, actor), actor)})


@require_POST
@answers_json
def abort(request: HttpRequest) -> HttpResponse:
    """Give an upload up."""
    abort_upload(text(body_of(request), "ticket"), actor=actor_of(request))
    return HttpResponse(status=204)


@require_GET
@answers_json
def progress(request: HttpRequest, asset_id: uuid.UUID) -> HttpResponse:
    """How an asset of one's own fares: its state, its reason if refused, its variants' URLs."""
    actor = actor_of(request)
    return JsonResponse({"asset": described(load(asset_id, actor), actor)})


def _signed(signed: SignedRequest) -> dict[str, Any]:
    return {
        "method": signed.method,
        "url": str(signed.url),
        "headers": signed.headers,
        "expires_in": signed.expires_in,
    }
