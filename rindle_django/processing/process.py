"""Making variants: claim what is due of an asset, make it in isolation, publish each output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rindle_django import claims, telemetry
from rindle_django.errors import RindleError
from rindle_django.interruption import Interrupted
from rindle_django.media import sandbox
from rindle_django.media.images import Rendered, render_each
from rindle_django.models import Asset
from rindle_django.processing.claim import Attempt, claim
from rindle_django.processing.limits import limits_of
from rindle_django.processing.publish import Finished
from rindle_django.processing.storing import (
    fetch,
    give_back,
    publish_all,
    store,
    take_back_output,
)
from rindle_django.processing.transcode import transcode
from rindle_django.profiles import profile_of_row
from rindle_django.profiles.recipes import ImageRecipe
from rindle_django.workspace import workspace


def process_variant(asset_id: str, variant_name: str) -> None:
    """Make one variant; of an image, those of its siblings too that wait for the same work.

    The source is fetched and decoded once for all of them. Returns quietly when there is nothing to
    do, whoever asks and however often.
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
    making = _Making(asset, holding, dict(enumerate(attempts)))
    sandbox.prepare(limits_of(profile_of_row(asset.profile)))
    with workspace() as folder:
        try:
            making.go_through(_render(asset, fetch(asset, folder), attempts, folder, making))
        except Exception as error:
            span.failed(error)
            for attempt in making.left.values():
                give_back(attempt, error)
        making.publish()


@dataclass
class _Making:
    """Variants on their way. Each is stored as soon as it is rendered, small ones first; those that
    come close together are published together."""

    asset: Asset
    holding: claims.Holding
    left: dict[int, Attempt]
    stored: list[tuple[Attempt, Finished]] = field(default_factory=list)

    def go_through(self, rendered: Iterator[tuple[int, Rendered | RindleError]]) -> None:
        while self.left:
            self._take_next(rendered)

    def _take_next(self, rendered: Iterator[tuple[int, Rendered | RindleError]]) -> None:
        """Which one comes next, the renderer decides."""
        about = {"rindle.profile": self.asset.profile}
        with telemetry.span("rindle.variant", attributes=about) as span:
            with telemetry.span("rindle.decode", attributes={"rindle.operation": "render"}):
                number, result = next(rendered)
            attempt = self.left.pop(number)
            span.say(
                {"rindle.variant": attempt.variant.name, "rindle.attempt": attempt.variant.attempts}
            )
            try:
                self.stored.append((attempt, self._store(attempt, result)))
            except Exception as error:
                span.failed(error)
                give_back(attempt, error)
                take_back_output(attempt)

    def _store(self, attempt: Attempt, result: Rendered | RindleError) -> Finished:
        if isinstance(result, RindleError):
            raise result
        if not self.holding.holds(attempt.variant):
            raise Interrupted
        return store(self.asset, attempt, result)

    def publish(self) -> None:
        """Make what is stored what is served."""
        stored, self.stored = self.stored, []
        if not stored:
            return
        published = [False] * len(stored)
        about: dict[str, str | int] = {
            "rindle.profile": self.asset.profile,
            "rindle.variants": len(stored),
        }
        with telemetry.span("rindle.publish", attributes=about) as span:
            try:
                published = publish_all(self.asset, [finished for _, finished in stored])
            except Exception as error:
                span.failed(error)
                for attempt, _ in stored:
                    give_back(attempt, error)
        for (attempt, _), is_served in zip(stored, published, strict=True):
            if not is_served:
                take_back_output(attempt)


def _render(
    asset: Asset, source: Path, attempts: Sequence[Attempt], folder: Path, making: _Making
) -> Iterator[tuple[int, Rendered | RindleError]]:
    orders: list[tuple[ImageRecipe, Path]] = []
    for attempt in attempts:
        assert isinstance(attempt.recipe, ImageRecipe)
        attempt.target = folder / attempt.output.pk.hex
        orders.append((attempt.recipe, attempt.target))
    return render_each(
        source,
        asset.content_type,
        orders,
        limits_of(profile_of_row(asset.profile)),
        meanwhile=making.publish,
    )
