"""Issuing a URL: authorised first, then computed from rows alone, without storage calls."""

from __future__ import annotations

from typing import Any

from rindle_django import events
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import adapter_name
from rindle_django.media.types import MEDIA_TYPES
from rindle_django.models import Asset, StoredObject, Variant
from rindle_django.profiles import Profile, profile_of_row
from rindle_django.states import VERIFIED_ASSET_STATES
from rindle_django.storage import adapter_for
from rindle_django.storage.disposition import content_disposition


def url(
    asset: Asset,
    *,
    actor: Any = None,
    download: bool = False,
    filename: str | None = None,
    ttl: int | None = None,
) -> str:
    """A URL of the original.

    Signed unless the profile is public; valid for at least ``ttl`` seconds (the profile's own by
    default, which is also the most that can be asked for), and the same within a window so that
    browsers cache. ``download`` has the browser save it, under ``filename`` or the name it was
    uploaded by. Raises RequestRefused: "not_allowed", "not_deliverable".
    """
    profile = _authorised(asset, actor)
    original = asset.original
    if original is None or asset.state not in VERIFIED_ASSET_STATES:
        raise RequestRefused("not_deliverable", state=asset.state)
    return _issue(profile, original, asset.content_type, filename or asset.filename, download, ttl)


def variant_url(
    asset: Asset,
    name: str,
    *,
    actor: Any = None,
    download: bool = False,
    filename: str | None = None,
    ttl: int | None = None,
) -> str:
    """A URL of the variant ``name``, or of the original while there is no such output to show.

    What is served of a changed recipe until its new output is ready, ``Delivery.serve_stale``
    says. Raises RequestRefused: "not_allowed", "unknown_variant", "not_deliverable".
    """
    profile = _authorised(asset, actor)
    profile.recipe(name)
    if asset.state not in VERIFIED_ASSET_STATES:
        raise RequestRefused("not_deliverable", state=asset.state)
    variant = _find(asset, name)
    if variant is not None and variant.object is not None and _is_served(profile, variant):
        return _issue(
            profile,
            variant.object,
            variant.content_type,
            filename or _renamed(asset.filename, variant.object),
            download,
            ttl,
        )
    if asset.original is None:
        raise RequestRefused("not_deliverable", state=asset.state)
    return _issue(
        profile, asset.original, asset.content_type, filename or asset.filename, download, ttl
    )


def _authorised(asset: Asset, actor: Any) -> type[Profile]:
    """The asset's profile, once its authorizer agreed: nothing is disclosed before (W4.6)."""
    profile = profile_of_row(asset.profile)
    profile.authorize(actor, "deliver", asset)
    return profile


def _find(asset: Asset, name: str) -> Variant | None:
    """From the prefetched variants where there are any: a page costs no query per image."""
    if "variants" in getattr(asset, "_prefetched_objects_cache", {}):
        return next((each for each in asset.variants.all() if each.name == name), None)
    return Variant.objects.select_related("object").filter(asset=asset, name=name).first()


def _is_served(profile: type[Profile], variant: Variant) -> bool:
    current = variant.published_digest == variant.recipe_digest and variant.state != "stale"
    return variant.servable and (current or profile.delivery.serve_stale)


def _renamed(filename: str, stored: StoredObject) -> str:
    """The uploaded name with the extension of what is really served."""
    stem = filename.rsplit(".", 1)[0] or "file"
    return f"{stem}.{stored.key.rsplit('.', 1)[-1]}" if "." in stored.key else stem


def _issue(
    profile: type[Profile],
    stored: StoredObject,
    content_type: str,
    filename: str,
    download: bool,
    ttl: int | None,
) -> str:
    adapter = adapter_for(stored.storage)
    public = profile.delivery.public and not download
    if public:
        issued = adapter.public_url(stored.key)
    else:
        inline = not download and _may_be_shown(content_type)
        issued = adapter.sign_get(
            stored.key,
            content_type=content_type,
            disposition=content_disposition(filename, attachment=not inline),
            ttl=min(ttl or profile.delivery.effective_ttl, profile.delivery.effective_ttl),
        )
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


def _may_be_shown(content_type: str) -> bool:
    """Types that a browser could run are saved, never shown, whatever was asked for (S20)."""
    known = MEDIA_TYPES.get(content_type)
    return known is not None and known.inline
