"""What the states of its variants make of an asset."""

from __future__ import annotations

from django.db.models import Count, Max, Q

from rindle_django import telemetry
from rindle_django.lifecycle import transition
from rindle_django.models import Asset, Transition, Variant
from rindle_django.states import ACTIVE_VARIANT_STATES, VERIFIED_ASSET_STATES

IMAGE_WORK, AV_WORK = "processing", "transcoding"
BROKEN = frozenset({"failed", "cancelled", "missing"})


def settle_asset(asset: Asset) -> None:
    """Bring an asset to the state its variants imply. Inside ``lifecycle.locked`` (D2, W1.9).

    Quarantined and deleted assets are left alone whatever their variants do (D1, W1.10).
    """
    variants = list(Variant.objects.filter(asset=asset).values_list("state", "kind"))
    wanted = _implied(variants)
    if asset.state != wanted and asset.state in VERIFIED_ASSET_STATES:
        transition(asset, wanted, only_from=VERIFIED_ASSET_STATES)
        if asset.state == "ready" and telemetry.measuring():
            _tell_first_time(asset)


def _tell_first_time(asset: Asset) -> None:
    """How long the asset took from its verified upload, unless it has been settled before."""
    history = Transition.objects.filter(asset_id=asset.pk)
    settled = Q(subject="asset", to_state__in=("ready", "degraded"))
    seen = history.aggregate(
        times=Count("pk", filter=settled),
        took=Max("at", filter=settled) - Max("at", filter=Q(subject="session")),
    )
    if seen["times"] != 1 or seen["took"] is None:
        return
    telemetry.record_once_committed(
        "rindle.asset.time_to_ready", seen["took"].total_seconds(), {"profile": asset.profile}
    )


def _implied(variants: list[tuple[str, str]]) -> str:
    active = [kind for state, kind in variants if state in ACTIVE_VARIANT_STATES]
    if active:
        return IMAGE_WORK if all(kind == "image" for kind in active) else AV_WORK
    broken = any(state in BROKEN for state, _ in variants)
    return "degraded" if broken else "ready"  # without variants too (D3)
