"""Claiming variants: what a worker is to make now, written down before it begins."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db.models.functions import Now

from rindle_django import claims, ledger, telemetry
from rindle_django.errors import RequestRefused, RindleError
from rindle_django.lifecycle import locked
from rindle_django.media.types import extension_for
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant, insert
from rindle_django.processing.aggregate import settle_asset
from rindle_django.processing.plan import (
    IMAGE_KINDS,
    TELLING_KINDS,
    job_of,
    made_along,
    told_of,
)
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
        with locked(asset_id, _SOMETHING_DUE, variant_name) as asset:
            if asset.state not in VERIFIED_ASSET_STATES:
                cancel_all(asset)
                return None, []
            variants = told_of(asset, _DUE)
            attempts = _begin(asset, _together(variants, variant_name))
            settle_asset(asset, [variant for variant, _ in variants])
            return asset, attempts
    except RequestRefused:
        return None, []


_DUE = f"variant.state IN ('queued', 'processing') AND {claims.UNCLAIMED}"
# Who has nothing to do needs no lock. A little too much is due for a job that is not about an
# image: what it may have to make is seen under the lock.
_SOMETHING_DUE = f"""
EXISTS (
    SELECT FROM rindle_variant variant WHERE variant.asset_id = asset.id AND {_DUE}
    AND (variant.name = %s OR variant.kind = 'image' AND variant.attempts = 0)
)
"""


def _together(variants: Sequence[tuple[Variant, bool]], name: str) -> list[Variant]:
    """The named one of an asset's variants, if it is due, and with an image all others that are
    ``made_along``, of the same decoded one: the job is theirs as well, whatever has become of the
    named one."""
    still = any(each.name == name and each.kind in IMAGE_KINDS for each, _ in variants)
    return [
        each
        for each, is_due in variants
        if is_due and (each.name == name or (still and made_along(each)))
    ]


def _begin(asset: Asset, variants: Sequence[Variant]) -> list[Attempt]:
    """Claim variants and write their outputs and their runs down, all in the claim's transaction.

    The runs of those who died over them are closed: nobody knows when that was, but this is when it
    was found out.
    """
    if tried := [variant.pk for variant in variants if variant.fence]:
        lost = ProcessingRun.objects.filter(variant_id__in=tried, outcome="running")
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
    runs = insert([_run_of(asset, variant, recipes[variant]) for variant in taken])
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
