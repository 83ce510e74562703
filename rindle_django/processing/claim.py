"""Claiming variants: what a worker is to make now, written down before it begins."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from django.db.models.functions import Now

from rindle_django import claims, ledger, telemetry
from rindle_django.errors import RequestRefused, RindleError
from rindle_django.lifecycle import locked
from rindle_django.media.types import extension_for
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.processing.aggregate import settle_asset
from rindle_django.processing.plan import IMAGE_KINDS, TELLING_KINDS, job_of
from rindle_django.processing.publish import cancel_all, give_up
from rindle_django.profiles import Recipe, profile_of_row
from rindle_django.states import VERIFIED_ASSET_STATES


@dataclass
class Attempt:
    """One claimed variant on its way: what to make, under which key, in which run."""

    variant: Variant
    recipe: Recipe
    output: StoredObject
    run: ProcessingRun
    target: Path | None = None


def claim(asset_id: str, variant_name: str) -> tuple[Asset | None, list[Attempt]]:
    """Claim the named variant, and those that are made along with it; nothing if there is nothing
    to do."""
    try:
        with locked(asset_id) as asset:
            if asset.state not in VERIFIED_ASSET_STATES:
                cancel_all(asset)
                return None, []
            named = Variant.objects.filter(asset=asset, name=variant_name).first()
            if named is None:
                return None, []
            attempts = [attempt for each in _due(asset, named) if (attempt := _start(asset, each))]
            settle_asset(asset)
            return asset, attempts
    except RequestRefused:
        return None, []


def _due(asset: Asset, named: Variant) -> list[Variant]:
    due = Variant.objects.filter(
        claims.unclaimed(), asset=asset, kind=named.kind, state__in=("queued", "processing")
    ).order_by("name")
    if named.kind not in IMAGE_KINDS:
        # Each takes minutes: whoever dies over one has the others made by their own jobs.
        return list(due.filter(pk=named.pk))
    # Waiting out a retry's delay is the named one's privilege; its siblings keep theirs.
    return [variant for variant in due if variant.pk == named.pk or variant.attempts == 0]


def _start(asset: Asset, variant: Variant) -> Attempt | None:
    """Claim one variant and write its output and its run down, all in the claim's transaction."""
    variant.asset = asset
    if claims.exhausted(variant):
        _close_lost_runs(variant)
        give_up(variant, "worker_lost", "Its workers died over it.")
        return None
    try:
        recipe = profile_of_row(asset.profile).recipe(variant.name)
    except RindleError as error:
        give_up(variant, error.code, str(error))
        return None
    queued_at, first = variant.updated_at, variant.attempts == 0
    if not claims.take(variant, "processing"):
        return None
    if first:
        waited = claims.claimed_at(variant) - queued_at
        telemetry.record_once_committed(
            "rindle.job.wait", waited.total_seconds(), {"queue": job_of(variant).queue}
        )
    _close_lost_runs(variant)
    _note_recipe(variant, recipe)
    return Attempt(variant, recipe, _output_of(asset, recipe), _run_of(asset, variant, recipe))


def _note_recipe(variant: Variant, recipe: Recipe) -> None:
    """What is being made, which may be of another kind than was planned. How far a worker had come
    that died over it says nothing of this attempt."""
    variant.recipe_digest, variant.kind = recipe.digest(), recipe.kind
    variant.progress = 0 if recipe.kind in TELLING_KINDS else None
    Variant.objects.filter(pk=variant.pk).update(
        recipe_digest=variant.recipe_digest, kind=variant.kind, progress=variant.progress
    )


def _output_of(asset: Asset, recipe: Recipe) -> StoredObject:
    return ledger.expect(
        asset,
        "variant",
        settles_in=claims.writing_time(),
        extension=extension_for(recipe.content_type),
        content_type=recipe.content_type,
    )


def _close_lost_runs(variant: Variant) -> None:
    # Nobody knows when its worker died; this is when it was found out.
    ProcessingRun.objects.filter(variant_id=variant.pk, outcome="running").update(
        outcome="lost", finished_at=Now()
    )


def _run_of(asset: Asset, variant: Variant, recipe: Recipe) -> ProcessingRun:
    return ProcessingRun.objects.create(
        asset_id=variant.asset_id,
        profile=asset.profile,
        pixels=_pixels(asset) if recipe.kind in IMAGE_KINDS else None,
        variant_id=variant.pk,
        variant_name=variant.name,
        attempt=variant.attempts,
        fence=variant.fence,
        worker=f"{socket.gethostname()}:{os.getpid()}",
    )


def _pixels(asset: Asset) -> int | None:
    return asset.width * asset.height if asset.width and asset.height else None
