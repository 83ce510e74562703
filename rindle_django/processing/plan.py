"""Which variants an asset shall have, and the jobs that make them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from rindle_django import claims, jobs
from rindle_django.lifecycle import record_births, transition_all
from rindle_django.models import PROCESS_TRIES, Asset, Variant
from rindle_django.processing.aggregate import settle_asset
from rindle_django.profiles import Profile
from rindle_django.states import REQUEUEABLE_VARIANT_STATES

IMAGE_KINDS = frozenset({"image"})
# Of what is made along the whole length of its source, it is known how far it has come.
TELLING_KINDS = frozenset({"video", "hls", "audio", "waveform", "storyboard", "preview"})
# Seconds after which what waits behind all else is looked at, in case its job was lost.
LONG_WAIT = 3600.0


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
        for name, recipe in profile.variants_for(asset.kind, has_audio=asset.has_audio).items()
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


def queue(variants: Sequence[Variant], *, priority: int = 0, **fields: Any) -> list[Variant]:
    """Move variants to ``queued``, with ``fields``, and enqueue the job of each that moved.

    Those of a ``priority`` below 0 wait until nothing else does: nobody is to ring for them again
    while they do.
    """
    patience = LONG_WAIT if priority < 0 else 0.0
    moved = transition_all(
        variants, "queued", priority=priority, **fields, **claims.due_in(patience)
    )
    keys = {variant.pk for variant in moved}
    queued = [variant for variant in variants if variant.pk in keys]
    ring(queued)
    return queued


def job_of(variant: Variant) -> jobs.Job:
    return jobs.PROCESS if variant.kind in IMAGE_KINDS else jobs.MEDIA


def ring(variants: Sequence[Variant], *, delay: float = 0.0, again: bool = False) -> None:
    """Enqueue the jobs that look at ``variants``, each at its own priority. What is rung for
    ``again`` goes before what is not, but never before fresh work if it was to wait for that."""
    groups: dict[tuple[jobs.Job, int], list[Mapping[str, jobs.Argument]]] = defaultdict(list)
    for each in variants:
        priority = jobs.AGAIN if again and each.priority >= 0 else each.priority
        arguments = {"asset_id": str(each.asset_id), "variant_name": each.name}
        groups[job_of(each), priority].append(arguments)
    for (job, priority), calls in groups.items():
        jobs.enqueue_many(job, calls, delay=delay, priority=priority)
