"""Giving failed variants another chance."""

from __future__ import annotations

from collections.abc import Collection

from rindle_django import telemetry
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import locked
from rindle_django.models import PROCESS_TRIES, Key
from rindle_django.processing.aggregate import settle_asset
from rindle_django.processing.choice import choose
from rindle_django.processing.plan import queue
from rindle_django.states import REQUEUEABLE_VARIANT_STATES, VERIFIED_ASSET_STATES


@telemetry.traced("rindle.requeue")
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
        telemetry.link(asset.traceparent, asset.pk)
        if asset.state not in VERIFIED_ASSET_STATES:
            raise RequestRefused("not_deliverable", state=asset.state)
        chosen = choose(asset, names, REQUEUEABLE_VARIANT_STATES, refusal="variant_not_requeueable")
        queue(chosen, attempts=0, max_attempts=tries, reason_code="", reason="")
        settle_asset(asset)
        return [variant.name for variant in chosen]
