"""The page, and what it asks for beyond the library's own upload steps."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from example_project.gallery.media import PROFILES
from example_project.gallery.models import Album
from example_project.gallery.photos import photos_of
from example_project.gallery.policy import strict_policy
from rindle_django import actor_of, attach, detach, discard, streaming_url, url
from rindle_django.actors import actor_id
from rindle_django.errors import RequestRefused, RindleError
from rindle_django.models import Asset

PhotoView = Callable[[HttpRequest, uuid.UUID], HttpResponse]


@require_GET
@never_cache  # the URLs in it are the visitor's own and run out
@ensure_csrf_cookie
@strict_policy
def page(request: HttpRequest) -> HttpResponse:
    """All that is this visitor's."""
    photos = photos_of(actor_of(request))
    accepted = [each for profile in PROFILES.values() for each in profile.content_types]
    context = {"photos": photos, "profiles": PROFILES, "accepted": accepted}
    return render(request, "gallery/page.html", context)


def _says_why(view: PhotoView) -> PhotoView:
    """Answer a refusal with the library's own words, as its own views do."""

    @functools.wraps(view)
    def answering(request: HttpRequest, asset_id: uuid.UUID) -> HttpResponse:
        try:
            return view(request, asset_id)
        except RindleError as error:
            body = {"error": {"code": error.code, "message": str(error)}}
            return JsonResponse(body, status=error.status)

    return answering


@require_POST
@_says_why
def keep(request: HttpRequest, asset_id: uuid.UUID) -> HttpResponse:
    """Put an upload into the album of the one who uploaded it."""
    actor = actor_of(request)
    asset = _own(actor, asset_id)
    with transaction.atomic():  # a refused photo leaves no empty album behind
        album, _ = Album.objects.get_or_create(owner=actor_id(actor))
        attach(album, Album.SLOTS[asset.profile], asset, actor=actor)
    return HttpResponse(status=204)


@require_POST
@_says_why
def remove(request: HttpRequest, asset_id: uuid.UUID) -> HttpResponse:
    """Take a photo out of the album; its files go with it. Twice is the same as once."""
    owner = actor_id(actor_of(request))
    album = Album.objects.filter(owner=owner).first()
    slots = Album.SLOTS.values()
    if album is None or not any(detach(album, slot, asset_id) for slot in slots):
        _discard_own(owner, asset_id)
    return HttpResponse(status=204)


def _discard_own(owner: str, asset_id: uuid.UUID) -> None:
    """A photo that was refused before it came into the album."""
    if owner and Asset.objects.filter(pk=asset_id, actor=owner).exists():
        discard(asset_id)


@require_GET
@never_cache
@_says_why
def original(request: HttpRequest, asset_id: uuid.UUID) -> HttpResponse:
    """To the file as it was uploaded, by a URL that is signed now and runs out."""
    actor = actor_of(request)
    return HttpResponseRedirect(url(_own(actor, asset_id), actor=actor, download=True))


@require_GET
@never_cache
@_says_why
def play(request: HttpRequest, asset_id: uuid.UUID) -> HttpResponse:
    """What to give to a player: a file, since not every browser plays streams by itself."""
    actor = actor_of(request)
    playback = streaming_url(_own(actor, asset_id), actor=actor, prefer="progressive")
    return JsonResponse({"url": playback.url, "kind": playback.kind, "mime": playback.mime})


def _own(actor: Any, asset_id: uuid.UUID) -> Asset:
    own = Asset.objects.select_related("original").filter(actor=actor_id(actor), pk=asset_id)
    asset = own.first() if actor is not None else None
    if asset is None:
        raise RequestRefused("asset_not_found")
    return asset
