"""Which variants an asset shall have, and the jobs that make them."""

from __future__ import annotations

from collections.abc import Sequence

from rindle_django import claims, jobs
from rindle_django.lifecycle import record_birth, transition_all
from rindle_django.models import PROCESS_TRIES, Asset, Stateful, Variant
from rindle_django.processing.aggregate import settle_asset
from rindle_django.profiles import Profile

IMAGE_KINDS = frozenset({"image"})


def plan_variants(asset: Asset, profile: type[Profile]) -> None:
    """Write down every variant that applies to the asset's kind and queue their jobs.

    Inside ``lifecycle.locked``, in the transaction that makes the asset available.
    """
    variants = [
        Variant(
            asset=asset,
            name=name,
            kind=recipe.kind,
            recipe_digest=recipe.digest(),
            max_attempts=PROCESS_TRIES,
        )
        for name, recipe in profile.variants_for(asset.kind).items()
    ]
    Variant.objects.bulk_create(variants)
    for variant in variants:
        record_birth(variant)
    queue(variants)
    settle_asset(asset)


def queue(variants: Sequence[Variant], *, delay: float = 0.0) -> Sequence[Stateful]:
    """Move variants to ``queued`` and enqueue the job of each that moved."""
    moved = transition_all(variants, "queued", **claims.due_in(delay))
    for variant in variants:
        if variant in moved:
            ring(variant, delay=delay)
    return moved


def ring(variant: Variant, *, delay: float = 0.0) -> None:
    """Enqueue the job that looks at ``variant``."""
    job = jobs.PROCESS if variant.kind in IMAGE_KINDS else jobs.MEDIA
    jobs.enqueue(job, asset_id=str(variant.asset_id), variant_name=variant.name, delay=delay)
