"""How a URL is issued: who may have it, which output there is to show, and what it is signed for.

Computed from rows alone, without storage calls; each URL is one ``rindle.delivery.signed``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rindle_django import events
from rindle_django.actors import actor_subject
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import adapter_name
from rindle_django.media.types import MEDIA_TYPES
from rindle_django.models import Asset, StoredObject, Variant
from rindle_django.profiles import Profile, profile_of_row
from rindle_django.states import VERIFIED_ASSET_STATES
from rindle_django.storage import adapter_for
from rindle_django.storage.disposition import content_disposition
from rindle_django.storage.tokens import manifest_token, view_url

# Kinds of variant whose main object is a text that names the others.
MANIFEST_KINDS = frozenset({"hls", "storyboard"})


@dataclass(frozen=True, kw_only=True)
class Source:
    """An object that can be shown, and what it is shown as."""

    stored: StoredObject
    content_type: str
    filename: str
    duration_ms: int | None = None
    variant: Variant | None = None

    @property
    def is_manifest(self) -> bool:
        return self.variant is not None and self.variant.kind in MANIFEST_KINDS


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the caller asks for: for whom, for how long, to be shown or saved, under which name."""

    actor: Any = None
    ttl: int | None = None
    download: bool = False
    filename: str | None = None


# --- who may have it ---------------------------------------------------------------------------


def authorised(asset: Asset, actor: Any) -> type[Profile]:
    """The asset's profile, once its authorizer agreed: nothing is disclosed before (W4.6)."""
    profile = profile_of_row(asset.profile)
    profile.authorize(actor, "deliver", asset)
    return profile


def require_verified(asset: Asset) -> None:
    """Raises RequestRefused("not_deliverable")."""
    if asset.state not in VERIFIED_ASSET_STATES:
        raise RequestRefused("not_deliverable", state=asset.state)


# --- what there is to show ---------------------------------------------------------------------


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
    if variant is None or variant.object is None or not _is_served(profile, variant):
        return None
    return Source(
        stored=variant.object,
        content_type=variant.content_type,
        filename=_renamed(asset.filename, variant.object),
        duration_ms=asset.duration_ms if variant.kind in MANIFEST_KINDS else variant.duration_ms,
        variant=variant,
    )


def variants_of(asset: Asset) -> Iterable[Variant]:
    """From the prefetched ones where there are any: a page costs no query per asset."""
    prefetched: Iterable[Variant] | None = getattr(asset, "_prefetched_objects_cache", {}).get(
        "variants"
    )
    if prefetched is not None:
        return prefetched
    return Variant.objects.select_related("object").filter(asset=asset).order_by("name")


def _is_served(profile: type[Profile], variant: Variant) -> bool:
    current = variant.published_digest == variant.recipe_digest and variant.state != "stale"
    return variant.servable and (current or profile.delivery.serve_stale)


def _renamed(filename: str, stored: StoredObject) -> str:
    """The uploaded name with the extension of what is really served."""
    stem = filename.rsplit(".", 1)[0] or "file"
    return f"{stem}.{stored.key.rsplit('.', 1)[-1]}" if "." in stored.key else stem


# --- the URL -----------------------------------------------------------------------------------


def issue(profile: type[Profile], source: Source, terms: Terms) -> str:
    stored = source.stored
    public = profile.delivery.public and not terms.download
    if public:
        issued = adapter_for(stored.storage).public_url(stored.key)
    else:
        issued = _signed(profile, source, terms)
    events.emit(
        "rindle.delivery.signed",
        {
            "profile": profile.name,
            "adapter": adapter_name(stored.storage),
            "mode": "public" if public else "private",
            "asset_id": str(stored.asset_id),
        },
    )
    return issued


def _signed(profile: type[Profile], source: Source, terms: Terms) -> str:
    stored, subject = source.stored, actor_subject(terms.actor)
    # What is saved is asked for once; what plays is asked for again and again.
    duration_ms = None if terms.download else source.duration_ms
    life = profile.delivery.life(terms.ttl, duration_ms=duration_ms)
    if source.is_manifest and not terms.download:
        token = manifest_token(stored.storage, stored.key, life=life, subject=subject)
        return view_url("manifest", token)
    shown = not terms.download and may_be_shown(source.content_type)
    return adapter_for(stored.storage).sign_get(
        stored.key,
        content_type=source.content_type,
        disposition=content_disposition(terms.filename or source.filename, attachment=not shown),
        ttl=life,
        subject=subject,
    )


def may_be_shown(content_type: str) -> bool:
    """Types that a browser could run are saved, never shown, whatever was asked for (S20)."""
    known = MEDIA_TYPES.get(content_type)
    return known is not None and known.inline
