"""How an asset of one's own fares, as JSON: what the progress view answers and events carry."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Prefetch

from rindle_django.actors import actor_id
from rindle_django.delivery import variant_url
from rindle_django.errors import RequestRefused
from rindle_django.models import Asset, Key, Variant
from rindle_django.states import (
    ABSORBING_ASSET_STATES,
    ACTIVE_VARIANT_STATES,
    VERIFIED_ASSET_STATES,
)

# Nothing more happens by itself to an asset in one of these.
RESTING = ABSORBING_ASSET_STATES | {"ready", "degraded"}
# Of the time that an asset takes, as a rule: an image counts once.
WEIGHTS = {"video": 20, "hls": 30, "audio": 5, "preview": 5, "storyboard": 5}


def load(asset_id: Key, actor: Any) -> Asset:
    """Absent and foreign assets look alike (S15). Raises RequestRefused("asset_not_found")."""
    found = load_all([asset_id], actor)
    if not found:
        raise RequestRefused("asset_not_found")
    return found[0]


def load_all(asset_ids: Collection[Key], actor: Any) -> list[Asset]:
    """Those of the assets that are the actor's, with what ``described`` reads."""
    if not actor:
        return []
    variants = Variant.objects.select_related("object").order_by("name")
    mine = Asset.objects.filter(pk__in=asset_ids, actor=actor_id(actor))
    return list(
        mine.select_related("original").prefetch_related(Prefetch("variants", queryset=variants))
    )


def described(asset: Asset, actor: Any) -> dict[str, Any]:
    return {
        "id": str(asset.pk),
        "state": asset.state,
        "at_rest": asset.state in RESTING,
        "progress": percent(asset),
        "kind": asset.kind,
        "filename": asset.filename,
        "content_type": asset.content_type,
        "byte_size": asset.byte_size,
        "width": asset.width,
        "height": asset.height,
        "pages": asset.pages,
        "duration_ms": asset.duration_ms,
        "reason_code": asset.reason_code,
        "reason": asset.reason,
        "variants": {each.name: _variant(asset, each, actor) for each in asset.variants.all()},
    }


def _variant(asset: Asset, variant: Variant, actor: Any) -> dict[str, Any]:
    shown = variant.servable and asset.state in VERIFIED_ASSET_STATES
    return {
        "kind": variant.kind,
        "state": variant.state,
        "progress": _percent(variant),
        "reason_code": variant.reason_code,
        "reason": variant.reason,
        "content_type": variant.content_type,
        "byte_size": variant.byte_size,
        "width": variant.width,
        "height": variant.height,
        "pages": variant.pages,
        "duration_ms": variant.duration_ms,
        "url": variant_url(asset, variant.name, actor=actor) if shown else None,
    }


def percent(asset: Asset) -> int | None:
    """How much of an asset's variants is made; None while it is not known which those are."""
    if asset.state in RESTING:
        return 100
    if asset.state not in VERIFIED_ASSET_STATES:
        return None
    variants = [each for each in asset.variants.all() if each.state != "purged"]
    weights = [WEIGHTS.get(each.kind, 1) for each in variants]
    done = sum(
        weight * (_percent(each) or 0) for weight, each in zip(weights, variants, strict=True)
    )
    # Floor: it is 100 when all is at rest, and not before.
    return min(99, done // sum(weights)) if variants else 0


def _percent(variant: Variant) -> int | None:
    """100 at rest, however it ended; None where the work that is under way cannot tell."""
    return variant.progress if variant.state in ACTIVE_VARIANT_STATES else 100


def mark_of(asset: Asset) -> tuple[object, ...]:
    """What changes when there is something new to describe."""
    variants = (
        (each.name, each.state, each.progress, each.reason_code, each.object_id)
        for each in asset.variants.all()
    )
    return (asset.state, asset.reason_code, asset.original_id, *variants)
