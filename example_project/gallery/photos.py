"""What the page knows of photos, videos and sounds, in a constant number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from example_project.gallery.media import PROFILES
from example_project.gallery.models import Album
from rindle_django import variant_url
from rindle_django.actors import actor_id
from rindle_django.models import Asset, Variant
from rindle_django.states import ABSORBING_ASSET_STATES, VERIFIED_ASSET_STATES

FINISHED = frozenset({"ready", "degraded"})


@dataclass(frozen=True)
class Thumbnail:
    """An image with its size, so that the page does not jump when it arrives."""

    url: str
    width: int | None
    height: int | None


@dataclass(frozen=True)
class Photo:
    """One card. ``phase`` is 'ready', 'refused' or 'working'."""

    id: UUID
    kind: str
    filename: str
    phase: str
    reason_code: str
    reason: str
    width: int | None
    height: int | None
    seconds: float | None
    thumbnail: Thumbnail | None

    @property
    def length(self) -> str:
        """Minutes and seconds, as players show them."""
        minutes, seconds = divmod(round(self.seconds or 0), 60)
        return f"{minutes}:{seconds:02}"


def photos_of(actor: Any) -> list[Photo]:
    """The visitor's photos, in the order they were added."""
    if actor is None:
        return []
    slots = Album.SLOTS.values()
    album = Album.objects.filter(owner=actor_id(actor)).prefetch_related(*slots).first()
    if album is None:
        return []
    attachments = [each for slot in slots for each in getattr(album, slot).all()]
    attachments.sort(key=lambda each: each.created_at)
    return [_photo(attachment.asset, actor) for attachment in attachments]


def _photo(asset: Asset, actor: Any) -> Photo:
    spoilt = _spoilt(asset)
    return Photo(
        id=asset.pk,
        kind=_kind(asset),
        filename=asset.filename,
        phase="refused" if spoilt else _phase(asset.state),
        reason_code=(spoilt or asset).reason_code,
        reason=(spoilt or asset).reason,
        width=asset.width,
        height=asset.height,
        seconds=asset.duration_ms / 1000 if asset.duration_ms else None,
        thumbnail=_thumbnail(asset, actor),
    )


def _kind(asset: Asset) -> str:
    """What it was taken in as: a refused file may have no kind of its own."""
    return next(kind for kind, each in PROFILES.items() if each.name == asset.profile)


def _spoilt(asset: Asset) -> Variant | None:
    """A variant that failed, if no other can be shown: some damage shows only in decoding."""
    variants = list(asset.variants.all())
    if asset.state != "degraded" or any(variant.servable for variant in variants):
        return None
    return variants[0]


def _phase(state: str) -> str:
    if state in ABSORBING_ASSET_STATES:
        return "refused"
    return "ready" if state in FINISHED else "working"


def _thumbnail(asset: Asset, actor: Any) -> Thumbnail | None:
    """None until there is one: ``variant_url`` would give the original, megabytes for a card."""
    if asset.state not in VERIFIED_ASSET_STATES:
        return None
    for variant in asset.variants.all():
        if variant.name == "thumb" and variant.servable:
            return Thumbnail(
                variant_url(asset, "thumb", actor=actor), variant.width, variant.height
            )
    return None
