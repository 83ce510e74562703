"""The page, and what it asks for beyond the library's own upload steps: keep, remove, original."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from example_project.gallery.media import GalleryPhoto
from example_project.gallery.models import Album
from example_project.gallery.photos import photos_of
from example_project.gallery.policy import strict_policy
from rindle_django import actor_of, discard, url
from rindle_django.actors import actor_id
from rindle_django.errors import RequestRefused, RindleError
from rindle_django.models import Asset

PhotoView = Callable[[HttpRequest, uuid.UUID], HttpResponse]


@require_GET
@never_cache  # the URLs in it are the visitor's own and run out
@ensure_csrf_cookie
@strict_policy
def page(request: HttpRequest) -> HttpResponse:
    """All photos of this visitor."""
    photos = photos_of(actor_of(request))
    return render(request, "gallery/page.html", {"photos": photos, "profile": GalleryPhoto})


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
    """Put an uploaded photo into the album of the one who uploaded it."""
    actor = actor_of(request)
    if actor is None:
        raise RequestRefused("asset_not_found")
    with transaction.atomic():  # a refused photo leaves no empty album behind
        album, _ = Album.objects.get_or_create(owner=actor_id(actor))
        album.photos.add(asset_id, actor=actor)
    return HttpResponse(status=204)


@require_POST
@_says_why
def remove(request: HttpRequest, asset_id: uuid.UUID) -> HttpResponse:
    """Take a photo out of the album; its files go with it. Twice is the same as once."""
    owner = actor_id(actor_of(request))
    album = Album.objects.filter(owner=owner).first()
    if album is None or not album.photos.remove(asset_id):
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
    own = Asset.objects.select_related("original").filter(actor=actor_id(actor), pk=asset_id)
    asset = own.first() if actor is not None else None
    if asset is None:
        raise RequestRefused("asset_not_found")
    return HttpResponseRedirect(url(asset, actor=actor, download=True))
