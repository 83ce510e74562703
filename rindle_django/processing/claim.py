"""Claiming variants: what a worker is to make now, written down before it begins."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from rindle_django import claims, ledger, telemetry
from rindle_django.errors import RequestRefused, RindleError
from rindle_django.lifecycle import identity_of, locked
from rindle_django.media.types import extension_for
from rindle_django.models import Asset, Key, ProcessingRun, StoredObject, Variant
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
        # Most jobs find their variant made along with a sibling: those need no lock.
        if not _due(identity_of(asset_id)).filter(name=variant_name).exists():
            return None, []
        with locked(asset_id) as asset:
            if asset.state not in VERIFIED_ASSET_STATES:
                cancel_all(asset)
                return None, []
            attempts = _begin(asset, _together(asset, variant_name))
            settle_asset(asset)
            return asset, attempts
    except RequestRefused:
        return None, []


def _due(asset_id: Key) -> QuerySet[Variant]:
    return Variant.objects.filter(
        claims.unclaimed(), asset_id=asset_id, state__in=("queued", "processing")
    )


def _together(asset: Asset, name: str) -> list[Variant]:
    """The named variant, if it is due, and its siblings that are made of the same decoded image."""
    due = list(_due(asset.pk).order_by("name"))
    named = next((variant for variant in due if variant.name == name), None)
    if named is None or named.kind not in IMAGE_KINDS:
        # Each takes minutes: whoever dies over one has the others made by their own jobs.
        return [named] if named else []
    # Waiting out a retry's delay is the named one's privilege; its siblings keep theirs.
    return [
        variant
        for variant in due
        if variant == named or (variant.kind == named.kind and variant.attempts == 0)
    ]


def _begin(asset: Asset, variants: Sequence[Variant]) -> list[Attempt]:
    """Claim variants and write their outputs and their runs down, all in the claim's transaction.

    The runs of those who died over them are closed: nobody knows when that was, but this is when it
    was found out.
    """
    lost = ProcessingRun.objects.filter(
        variant_id__in=[variant.pk for variant in variants], outcome="running"
    )
    lost.update(outcome="lost", finished_at=Now())
    recipes = {
        variant: recipe
        for variant in variants
        if (recipe := _recipe_of(asset, variant)) is not None
    }
    queued_at = {variant.pk: variant.updated_at for variant in recipes if variant.attempts == 0}
    taken = claims.take_all(list(recipes), "processing")
    for variant in taken:
        if variant.pk in queued_at:
            _tell_wait(variant, queued_at[variant.pk])
        _note_recipe(variant, recipes[variant])
    outputs = ledger.expect_all(
        [_output_of(asset, recipes[variant]) for variant in taken],
        settles_in=claims.writing_time(),
    )
    runs = ProcessingRun.objects.bulk_create(
        [_run_of(asset, variant, recipes[variant]) for variant in taken]
    )
    return [
        Attempt(variant, recipes[variant], output, run)
        for variant, output, run in zip(taken, outputs, runs, strict=True)
    ]


def _recipe_of(asset: Asset, variant: Variant) -> Recipe | None:
    """How it is made; None if it is given up, because it cannot or shall not be tried again."""
    variant.asset = asset
    if claims.exhausted(variant):
        give_up(variant, "worker_lost", "Its workers died over it.")
        return None
    try:
        return profile_of_row(asset.profile).recipe(variant.name)
    except RindleError as error:
        give_up(variant, error.code, str(error))
        return None


def _tell_wait(variant: Variant, queued_at: datetime) -> None:
    waited = claims.claimed_at(variant) - queued_at
    telemetry.record_once_committed(
        "rindle.job.wait", waited.total_seconds(), {"queue": job_of(variant).queue}
    )


def _note_recipe(variant: Variant, recipe: Recipe) -> None:
    """What is being made, which may be of another kind than was planned. How far a worker had come
    that died over it says nothing of this attempt."""
    note: dict[str, Any] = {
        "recipe_digest": recipe.digest(),
        "kind": recipe.kind,
        "progress": 0 if recipe.kind in TELLING_KINDS else None,
    }
    if any(getattr(variant, name) != value for name, value in note.items()):
        Variant.objects.filter(pk=variant.pk).update(**note)
        for name, value in note.items():
            setattr(variant, name, value)


def _output_of(asset: Asset, recipe: Recipe) -> StoredObject:
    return ledger.fresh(
        asset,
        "variant",
        extension=extension_for(recipe.content_type),
        content_type=recipe.content_type,
    )


def _run_of(asset: Asset, variant: Variant, recipe: Recipe) -> ProcessingRun:
    return ProcessingRun(
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
