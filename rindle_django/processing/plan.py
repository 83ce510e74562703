"""Which variants an asset shall have, and the jobs that make them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rindle_django import claims, jobs
from rindle_django.lifecycle import record_births, transition_all
from rindle_django.models import PROCESS_TRIES, Asset, Variant, insert, read
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
    insert(variants)
    record_births(variants)
    queue(variants)
    queue(
        [each for each in known.values() if each.state in REQUEUEABLE_VARIANT_STATES],
        attempts=0,
        reason_code="",
        reason="",
    )
    settle_asset(asset, [*variants, *known.values()])


def _known(asset: Asset) -> dict[str, Variant]:
    return {variant.name: variant for variant in variants_of(asset)}


def variants_of(asset: Asset) -> list[Variant]:
    """All that an asset has, by name. Inside ``lifecycle.locked`` they stay as they are but for
    leases and progress."""
    return [variant for variant, _ in told_of(asset, "true")]


def told_of(asset: Asset, question: str) -> list[tuple[Variant, bool]]:
    """``variants_of`` with an answer of the database about each, which is called ``variant``."""
    found = read(
        {"variant": Variant},
        "rindle_variant variant WHERE variant.asset_id = %s::uuid ORDER BY variant.name",
        [asset.pk],
        more=f", {question}",
    )
    for variant, _ in found:
        variant.asset = asset
    return [(variant, answer) for variant, answer in found]


def queue(variants: Sequence[Variant], *, priority: int = 0, **fields: Any) -> list[Variant]:
    """Move variants to ``queued``, with ``fields``, and enqueue the jobs of those that moved.

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


class Waiting(Protocol):
    """What has to be known of a variant that is rung for."""

    @property
    def asset_id(self) -> Any: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def attempts(self) -> int: ...


def job_of(variant: Waiting) -> jobs.Job:
    return jobs.PROCESS if variant.kind in IMAGE_KINDS else jobs.MEDIA


def made_along(variant: Waiting) -> bool:
    """Whether a job about any image of its asset makes it: not once it was tried, for a retry waits
    its time out, and who dies over one has the others made by their own jobs."""
    return variant.kind in IMAGE_KINDS and variant.attempts == 0


def ring(variants: Sequence[Waiting], *, delay: float = 0.0, again: bool = False) -> None:
    """Enqueue the jobs that look at ``variants``, each at its own priority; those of an asset that
    are ``made_along`` have one together, about the first of them. What is rung for ``again`` goes
    before what is not, but never before fresh work if it was to wait for that."""
    groups: dict[tuple[jobs.Job, int], dict[Any, Mapping[str, jobs.Argument]]] = defaultdict(dict)
    for each in variants:
        priority = jobs.AGAIN if again and each.priority >= 0 else each.priority
        arguments = {"asset_id": str(each.asset_id), "variant_name": each.name}
        about = each.asset_id if made_along(each) else (each.asset_id, each.name)
        groups[job_of(each), priority].setdefault(about, arguments)
    for (job, priority), calls in groups.items():
        jobs.enqueue_many(job, list(calls.values()), delay=delay, priority=priority)
