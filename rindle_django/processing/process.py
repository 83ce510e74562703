"""Making variants: claim what is due of an asset, render it in isolation, publish each output."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.db.models.functions import Now

from rindle_django import claims, ledger, telemetry
from rindle_django.errors import ContentRefused, RequestRefused, RindleError
from rindle_django.interruption import Interrupted, attentive
from rindle_django.lifecycle import locked, persistently
from rindle_django.media.images import Rendered, render_each
from rindle_django.media.types import extension_for
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.processing.aggregate import settle_asset
from rindle_django.processing.limits import limits_of
from rindle_django.processing.plan import job_of
from rindle_django.processing.publish import cancel_all, give_up, publish, retry_or_fail
from rindle_django.profiles import Recipe, profile_of_row
from rindle_django.purge import take_back
from rindle_django.states import VERIFIED_ASSET_STATES
from rindle_django.storage import adapter_for
from rindle_django.workspace import workspace


@dataclass
class Attempt:
    """One claimed variant on its way: what to make, under which key, in which run."""

    variant: Variant
    recipe: Recipe
    output: StoredObject
    run: ProcessingRun
    target: Path | None = None


def process_variant(asset_id: str, variant_name: str) -> None:
    """Make one variant, and those of its siblings that wait for the same work.

    The source is fetched and decoded once for all of them; the siblings' own jobs then find
    nothing to do. Returns quietly when there is nothing to do, whoever asks and however often.
    """
    asset, attempts = _claim(asset_id, variant_name)
    if asset is None or not attempts:
        return
    with (
        telemetry.span(
            "rindle.process",
            parent=asset.traceparent,
            attributes={
                "rindle.asset_id": str(asset.pk),
                "rindle.profile": asset.profile,
                "rindle.variants": len(attempts),
            },
        ) as span,
        claims.kept_alive([attempt.variant for attempt in attempts]) as holding,
    ):
        holding.writing.extend(attempt.output for attempt in attempts)
        _make(asset, attempts, holding, span)


def _claim(asset_id: str, variant_name: str) -> tuple[Asset | None, list[Attempt]]:
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
    digest = recipe.digest()
    Variant.objects.filter(pk=variant.pk).update(recipe_digest=digest)
    variant.recipe_digest = digest
    return Attempt(variant, recipe, _output_of(asset, recipe), _run_of(asset, variant))


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


def _run_of(asset: Asset, variant: Variant) -> ProcessingRun:
    return ProcessingRun.objects.create(
        asset_id=variant.asset_id,
        profile=asset.profile,
        pixels=asset.width * asset.height if asset.width and asset.height else None,
        variant_id=variant.pk,
        variant_name=variant.name,
        attempt=variant.attempts,
        fence=variant.fence,
        worker=f"{socket.gethostname()}:{os.getpid()}",
    )


def _make(
    asset: Asset, attempts: Sequence[Attempt], holding: claims.Holding, span: telemetry.Span
) -> None:
    """Each output is published as soon as it is rendered, small ones first."""
    left = dict(enumerate(attempts))
    with workspace() as folder:
        try:
            source = _fetch(asset, folder)
            rendered = _render(asset, source, attempts, folder)
            while left:
                _make_next(asset, left, rendered, holding)
        except Exception as error:
            span.failed(error)
            for attempt in left.values():
                _give_back(attempt, error)


def _make_next(
    asset: Asset,
    left: dict[int, Attempt],
    rendered: Iterator[tuple[int, Rendered | RindleError]],
    holding: claims.Holding,
) -> None:
    """Which one comes next, the renderer decides."""
    with telemetry.span("rindle.variant", attributes={"rindle.profile": asset.profile}) as span:
        with telemetry.span("rindle.decode", attributes={"rindle.operation": "render"}):
            number, result = next(rendered)
        attempt = left.pop(number)
        span.say(
            {"rindle.variant": attempt.variant.name, "rindle.attempt": attempt.variant.attempts}
        )
        _finish(asset, attempt, result, holding, span)


def _fetch(asset: Asset, folder: Path) -> Path:
    """The verified original, and proof that it still is: its hash is compared on every read."""
    assert asset.original is not None
    path, digest = folder / "source", hashlib.sha256()
    adapter_for(asset.original.storage).download(
        asset.original.key, path, on_chunk=attentive(digest.update)
    )
    if digest.hexdigest() != asset.sha256:
        raise ContentRefused("checksum_mismatch")
    return path


def _render(
    asset: Asset, source: Path, attempts: Sequence[Attempt], folder: Path
) -> Iterator[tuple[int, Rendered | RindleError]]:
    for attempt in attempts:
        attempt.target = folder / attempt.output.pk.hex
    return render_each(
        source,
        asset.content_type,
        [(attempt.recipe, attempt.target) for attempt in attempts if attempt.target],
        limits_of(profile_of_row(asset.profile)),
    )


def _finish(
    asset: Asset,
    attempt: Attempt,
    result: Rendered | RindleError,
    holding: claims.Holding,
    span: telemetry.Span,
) -> None:
    published = False
    try:
        if isinstance(result, RindleError):
            raise result
        if not holding.holds(attempt.variant):
            raise Interrupted
        published = _store_and_publish(asset, attempt, result)
    except Exception as error:
        span.failed(error)
        _give_back(attempt, error)
    if not published:
        persistently(lambda: take_back(attempt.output))


def _store_and_publish(asset: Asset, attempt: Attempt, rendered: Rendered) -> bool:
    assert attempt.target is not None
    with attempt.target.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    adapter_for(attempt.output.storage).put_file(
        attempt.output.key,
        attempt.target,
        content_type=rendered.content_type,
        cache_control=profile_of_row(asset.profile).delivery.cache_control,
    )
    return persistently(
        lambda: publish(attempt.variant, attempt.output, attempt.run, rendered, sha256)
    )


def _give_back(attempt: Attempt, error: Exception) -> None:
    persistently(lambda: retry_or_fail(attempt.variant, attempt.output, attempt.run, error))
