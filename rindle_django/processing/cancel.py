"""Stopping the work on an asset's variants."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import F
from django.db.models.functions import Now

from rindle_django import claims, telemetry
from rindle_django.lifecycle import locked, transition_all
from rindle_django.models import Key, ProcessingRun
from rindle_django.processing.aggregate import settle_asset
from rindle_django.processing.choice import choose
from rindle_django.states import ACTIVE_VARIANT_STATES


@telemetry.traced("rindle.cancel")
def cancel_processing(asset_id: Key, names: Collection[str] | None = None) -> list[str]:
    """Cancel an asset's planned, queued and running variants; returns their names.

    A worker that is at one of them notices within seconds, stops its decoder and publishes
    nothing. ``requeue_variants`` takes it back. ``names`` narrows to some; naming one that is in
    another state raises RequestRefused("variant_not_cancellable"), one that does not exist
    "unknown_variant".
    """
    with locked(asset_id) as asset:
        telemetry.link(asset.traceparent, asset.pk)
        chosen = choose(asset, names, ACTIVE_VARIANT_STATES, refusal="variant_not_cancellable")
        transition_all(
            chosen,
            "cancelled",
            fence=F("fence") + 1,  # what the worker at it still writes is refused
            reason_code="cancelled",
            reason="",
            **claims.AT_REST,
        )
        ProcessingRun.objects.filter(
            variant_id__in=[variant.pk for variant in chosen], outcome="running"
        ).update(outcome="superseded", finished_at=Now())
        settle_asset(asset)
        return [variant.name for variant in chosen]
