"""Which variants an asset shall have, and the jobs that make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rindle_django import claims, jobs
from rindle_django.lifecycle import record_births, transition_all
from rindle_django.models import PROCESS_TRIES, Asset, Variant
from rindle_django.processing.aggregate import settle_asset
from rindle_django.profiles import Profile
from rindle_django.states import REQUEUEABLE_VARIANT_STATES

IMAGE_KINDS = frozenset({"image"})


def plan_variants(asset: Asset, profile: type[Profile], *, again: bool = False) -> None:
    """Write down every variant that applies to the asset's kind and queue their jobs.

    ``again`` says that it was available before: what it has of variants is kept, and made if it
    is not ready. Inside ``lifecycle.locked``, in the transaction that makes the asset available.
    """
    known = _known(asset) if again else {}
    variants = [
        Variant(
            asset=asset,
            name=name,
            kind=recipe.kind,
            recipe_digest=recipe.digest(),
            max_attempts=PROCESS_TRIES,
        )
        for name, recipe in profile.variants_for(asset.kind).items()
        if name not in known
    ]
    Variant.objects.bulk_create(variants)
    record_births(variants)
    queue(variants)
    queue(
        [each for each in known.values() if each.state in REQUEUEABLE_VARIANT_STATES],
        attempts=0,
        reason_code="",
        reason="",
    )
    settle_asset(asset)


def _known(asset: Asset) -> dict[str, Variant]:
    known = {variant.name: variant for variant in Variant.objects.filter(asset=asset)}
    for variant in known.values():
        variant.asset = asset
    return known


def queue(variants: Sequence[Variant], **fields: Any) -> None:
    """Move variants to ``queued``, with ``fields``, and enqueue the job of each that moved."""
    moved = transition_all(variants, "queued", **fields, **claims.due_in(0))
    ring([variant for variant in variants if variant in moved])


def ring(variants: Sequence[Variant], *, delay: float = 0.0, priority: int = 0) -> None:
    """Enqueue the jobs that look at ``variants``."""
    images = [each for each in variants if each.kind in IMAGE_KINDS]
    others = [each for each in variants if each.kind not in IMAGE_KINDS]
    for job, rung in ((jobs.PROCESS, images), (jobs.MEDIA, others)):
        arguments = [{"asset_id": str(v.asset_id), "variant_name": v.name} for v in rung]
        jobs.enqueue_many(job, arguments, delay=delay, priority=priority)
