"""Giving failed variants another chance."""

from __future__ import annotations

from collections.abc import Collection

from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import locked
from rindle_django.models import PROCESS_TRIES, Key, Variant
from rindle_django.processing.aggregate import settle_asset
from rindle_django.processing.plan import queue
from rindle_django.states import REQUEUEABLE_VARIANT_STATES, VERIFIED_ASSET_STATES


def requeue_variants(
    asset_id: Key,
    names: Collection[str] | None = None,
    *,
    tries: int = PROCESS_TRIES,
) -> list[str]:
    """Queue an asset's failed, cancelled, stale or missing variants again; returns their names.

    ``names`` narrows to some; naming one that is in another state raises
    RequestRefused("variant_not_requeueable"), one that does not exist "unknown_variant".
    ``tries`` is the new budget.
    """
    if tries < 1:
        raise RequestRefused("request_invalid", why="tries must be at least 1")
    with locked(asset_id) as asset:
        if asset.state not in VERIFIED_ASSET_STATES:
            raise RequestRefused("not_deliverable", state=asset.state)
        variants = list(Variant.objects.filter(asset=asset).order_by("name"))
        chosen = _choose(variants, names, asset.profile)
        for variant in chosen:
            variant.asset = asset
        queue(chosen, attempts=0, max_attempts=tries, reason_code="", reason="")
        settle_asset(asset)
        return [variant.name for variant in chosen]


def _choose(variants: list[Variant], names: Collection[str] | None, profile: str) -> list[Variant]:
    if names is None:
        return [each for each in variants if each.state in REQUEUEABLE_VARIANT_STATES]
    by_name = {each.name: each for each in variants}
    for name in names:
        if name not in by_name:
            raise RequestRefused("unknown_variant", profile=profile, variant=name)
        if by_name[name].state not in REQUEUEABLE_VARIANT_STATES:
            raise RequestRefused("variant_not_requeueable", state=by_name[name].state)
    return [by_name[name] for name in sorted(set(names))]
