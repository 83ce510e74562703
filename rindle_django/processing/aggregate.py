"""What the states of its variants make of an asset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Count, Max, Q

from rindle_django import telemetry
from rindle_django.lifecycle import transition_all
from rindle_django.models import Asset, Key, Transition, Variant
from rindle_django.states import ACTIVE_VARIANT_STATES, VERIFIED_ASSET_STATES

IMAGE_WORK, AV_WORK = "processing", "transcoding"
BROKEN = frozenset({"failed", "cancelled", "missing"})


def settle_asset(asset: Asset, variants: Iterable[Variant] | None = None) -> None:
    """Bring an asset to the state its variants imply. Inside ``lifecycle.locked`` (D2, W1.9).

    Quarantined and deleted assets are left alone whatever their variants do (D1, W1.10).
    ``variants`` are all that it has, as they are now, if the caller has read them under the lock.
    """
    if variants is None:
        settle_assets([asset])
    else:
        _settle([asset], {asset.pk: [(each.state, each.kind) for each in variants]})


def settle_assets(assets: Sequence[Asset]) -> None:
    """``settle_asset`` for many, in a handful of statements. Inside ``lifecycle.locked_all``."""
    variants: dict[Key, list[tuple[str, str]]] = {asset.pk: [] for asset in assets}
    rows = Variant.objects.filter(asset__in=assets).values_list("asset_id", "state", "kind")
    for asset_id, state, kind in rows:
        variants[asset_id].append((state, kind))
    _settle(assets, variants)


def _settle(assets: Sequence[Asset], variants: Mapping[Key, list[tuple[str, str]]]) -> None:
    moving: dict[str, list[Asset]] = defaultdict(list)
    for asset in assets:
        wanted = implied_state(variants[asset.pk])
        if asset.state != wanted and asset.state in VERIFIED_ASSET_STATES:
            moving[wanted].append(asset)
    for wanted, those in moving.items():
        moved = transition_all(those, wanted, only_from=VERIFIED_ASSET_STATES)
        if wanted == "ready" and telemetry.measuring():
            for asset in (each for each in those if each in moved):
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


def implied_state(variants: list[tuple[str, str]]) -> str:
    """The state that variants, each with its state and kind, make of a verified asset."""
    active = [kind for state, kind in variants if state in ACTIVE_VARIANT_STATES]
    if active:
        return IMAGE_WORK if all(kind == "image" for kind in active) else AV_WORK
    broken = any(state in BROKEN for state, _ in variants)
    return "degraded" if broken else "ready"  # without variants too (D3)
