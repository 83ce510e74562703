"""What the states of its variants make of an asset."""

from __future__ import annotations

from rindle_django.lifecycle import transition
from rindle_django.models import Asset, Variant
from rindle_django.states import ACTIVE_VARIANT_STATES, VERIFIED_ASSET_STATES

IMAGE_WORK, AV_WORK = "processing", "transcoding"
BROKEN = frozenset({"failed", "cancelled", "missing"})


def settle_asset(asset: Asset) -> None:
    """Bring an asset to the state its variants imply. Inside ``lifecycle.locked`` (D2, W1.9).

    Quarantined and deleted assets are left alone whatever their variants do (D1, W1.10).
    """
    variants = list(Variant.objects.filter(asset=asset).values_list("state", "kind"))
    wanted = implied_state(variants)
    if asset.state != wanted and asset.state in VERIFIED_ASSET_STATES:
        transition(asset, wanted, only_from=VERIFIED_ASSET_STATES)


def implied_state(variants: list[tuple[str, str]]) -> str:
    """The state that variants, each with its state and kind, make of a verified asset."""
    active = [kind for state, kind in variants if state in ACTIVE_VARIANT_STATES]
    if active:
        return IMAGE_WORK if all(kind == "image" for kind in active) else AV_WORK
    broken = any(state in BROKEN for state, _ in variants)
    return "degraded" if broken else "ready"  # without variants too (D3)
