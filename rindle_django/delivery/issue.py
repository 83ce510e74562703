"""How a URL is issued: who may have it, what there is to show, and what it is signed for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rindle_django.delivery import urls
from rindle_django.errors import RequestRefused
from rindle_django.models import Asset, StoredObject, Variant
from rindle_django.profiles import Profile
from rindle_django.states import VERIFIED_ASSET_STATES


@dataclass(frozen=True, kw_only=True)
class Source:
    """An object that can be shown, and what it is shown as."""

    stored: StoredObject
    content_type: str
    filename: str
    duration_ms: int | None = None
    variant: Variant | None = None


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the caller asks for: for whom, for how long, to be shown or saved, under which name."""

    actor: Any = None
    ttl: int | None = None
    download: bool = False
    filename: str | None = None


def authorised(asset: Asset, actor: Any) -> type[Profile]:
    """The asset's profile, once its authorizer agreed: nothing is disclosed before (W4.6)."""
    return urls._authorised(asset, actor)


def require_verified(asset: Asset) -> None:
    """Raises RequestRefused("not_deliverable")."""
    if asset.state not in VERIFIED_ASSET_STATES:
        raise RequestRefused("not_deliverable", state=asset.state)


def original_of(asset: Asset) -> Source:
    """Raises RequestRefused("not_deliverable")."""
    if asset.original is None:
        raise RequestRefused("not_deliverable", state=asset.state)
    return Source(
        stored=asset.original,
        content_type=asset.content_type,
        filename=asset.filename,
        duration_ms=asset.duration_ms,
    )


def output_of(profile: type[Profile], asset: Asset, variant: Variant | None) -> Source | None:
    """The output of ``variant``, if it is one to be shown."""
    if variant is None or variant.object is None or not urls._is_served(profile, variant):
        return None
    return Source(
        stored=variant.object,
        content_type=variant.content_type,
        filename=urls._renamed(asset.filename, variant.object),
        duration_ms=variant.duration_ms,
        variant=variant,
    )


def variants_of(asset: Asset) -> Iterable[Variant]:
    """From the prefetched ones where there are any: a page costs no query per asset."""
    if "variants" in getattr(asset, "_prefetched_objects_cache", {}):
        return asset.variants.all()
    return Variant.objects.select_related("object").filter(asset=asset).order_by("name")


def issue(profile: type[Profile], source: Source, terms: Terms) -> str:
    return urls._issue(
        profile,
        source.stored,
        source.content_type,
        terms.filename or source.filename,
        terms.download,
        terms.ttl,
    )


def may_be_shown(content_type: str) -> bool:
    """Types that a browser could run are saved, never shown, whatever was asked for (S20)."""
    return urls._may_be_shown(content_type)
