"""Making variants: claim what is due of an asset, make it in isolation, publish each output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rindle_django import claims, telemetry
from rindle_django.errors import RindleError
from rindle_django.interruption import Interrupted
from rindle_django.media.images import Rendered, render_each
from rindle_django.models import Asset
from rindle_django.processing.claim import Attempt, claim
from rindle_django.processing.limits import limits_of
from rindle_django.processing.storing import (
    fetch,
    give_back,
    store_and_publish,
    take_back_output,
)
from rindle_django.processing.transcode import transcode
from rindle_django.profiles import profile_of_row
from rindle_django.profiles.recipes import ImageRecipe
from rindle_django.workspace import workspace


def process_variant(asset_id: str, variant_name: str) -> None:
    """Make one variant; of an image, those of its siblings too that wait for the same work.

    The source is fetched and decoded once for all of them; the siblings' own jobs then find
    nothing to do. Returns quietly when there is nothing to do, whoever asks and however often.
    """
    asset, attempts = claim(asset_id, variant_name)
    if asset is None or not attempts:
        return
    stills = [each for each in attempts if isinstance(each.recipe, ImageRecipe)]
    pace = claims.LOOK_EVERY if stills else claims.TELL_EVERY
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
        claims.kept_alive([each.variant for each in attempts], look_every=pace) as holding,
    ):
        holding.writing.extend(attempt.output for attempt in attempts)
        if stills:
            _make(asset, stills, holding, span)
        for attempt in attempts:
            if attempt not in stills:
                transcode(asset, attempt, holding)


def _make(
    asset: Asset, attempts: Sequence[Attempt], holding: claims.Holding, span: telemetry.Span
) -> None:
    """Each output is published as soon as it is rendered, small ones first."""
    left = dict(enumerate(attempts))
    with workspace() as folder:
        try:
            source = fetch(asset, folder)
            rendered = _render(asset, source, attempts, folder)
            while left:
                _make_next(asset, left, rendered, holding)
        except Exception as error:
            span.failed(error)
            for attempt in left.values():
                give_back(attempt, error)


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


def _render(
    asset: Asset, source: Path, attempts: Sequence[Attempt], folder: Path
) -> Iterator[tuple[int, Rendered | RindleError]]:
    orders: list[tuple[ImageRecipe, Path]] = []
    for attempt in attempts:
        assert isinstance(attempt.recipe, ImageRecipe)
        attempt.target = folder / attempt.output.pk.hex
        orders.append((attempt.recipe, attempt.target))
    return render_each(source, asset.content_type, orders, limits_of(profile_of_row(asset.profile)))


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
        published = store_and_publish(asset, attempt, result)
    except Exception as error:
        span.failed(error)
        give_back(attempt, error)
    if not published:
        take_back_output(attempt)
