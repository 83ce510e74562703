"""Making one variant of audio or video, and telling of it: when it began, how far it is, how it
ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rindle_django import claims, events, telemetry
from rindle_django.errors import Kind, classify, reason_code
from rindle_django.interruption import Interrupted
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.make import make
from rindle_django.media.rendering import Rendered
from rindle_django.models import Asset, Variant
from rindle_django.processing.claim import Attempt
from rindle_django.processing.storing import (
    fetch,
    give_back,
    publish_all,
    store,
    take_back_output,
)
from rindle_django.workspace import workspace

# What the event calls the kind of an attempt that somebody stopped, or another has taken over.
CANCELLED = "cancelled"
SUPERSEDED = "superseded"
# A source that the storage does not have is as final as one that cannot be read.
_KINDS = {Kind.REQUEST: Kind.CONTENT.value}


def transcode(asset: Asset, attempt: Attempt, holding: claims.Holding) -> None:
    """Fetch the original, make the attempt's output and publish it. The claim is committed."""
    about: dict[str, str | int] = {
        "rindle.profile": asset.profile,
        "rindle.variant": attempt.variant.name,
        "rindle.attempt": attempt.variant.attempts,
    }
    with telemetry.span("rindle.variant", attributes=about) as span:
        telling = _Telling(asset, attempt)
        published = False
        try:
            published = _make_and_publish(asset, attempt, holding)
        except Exception as error:
            span.failed(error)
            held = give_back(attempt, error)
            if held:
                telling.failed(error)
            else:
                telling.overtaken()
        else:
            if published:
                telling.succeeded()
            else:
                telling.overtaken()
        if not published:
            take_back_output(attempt)


def _make_and_publish(asset: Asset, attempt: Attempt, holding: claims.Holding) -> bool:
    with workspace() as folder:
        source = fetch(asset, folder)
        # Its files know each other by the names that they will have in the storage.
        attempt.target = folder / Path(attempt.output.key).name
        rendered = _make(asset, attempt, source, holding)
        if not holding.holds(attempt.variant):
            raise Interrupted
        [published] = publish_all(asset, [store(asset, attempt, rendered)])
        return published


def _make(asset: Asset, attempt: Attempt, source: Path, holding: claims.Holding) -> Rendered:
    assert attempt.target is not None
    with telemetry.span("rindle.decode", attributes={"rindle.operation": "transcode"}):
        return make(
            source,
            asset.content_type,
            facts_of(asset),
            attempt.recipe,
            attempt.target,
            on_progress=_progress(attempt.variant, holding),
        )


def facts_of(asset: Asset) -> MediaFacts:
    """What was found out about the original when it was promoted."""
    columns = {name: getattr(asset, name) for name in MediaFacts.COLUMNS}
    return MediaFacts.from_columns({**columns, "media_info": asset.media_info})


def _progress(variant: Variant, holding: claims.Holding) -> Callable[[int], None]:
    def progressed(percent: int) -> None:
        if percent != variant.progress:
            variant.progress = percent
            holding.tell(variant, progress=percent)

    return progressed


class _Telling:
    """The events of one attempt: a start, and one end. An attempt whose worker is killed has no
    end; the one that takes it over has a start of its own."""

    def __init__(self, asset: Asset, attempt: Attempt) -> None:
        self._variant = attempt.variant
        self._began = time.monotonic()
        self._about = {
            "profile": asset.profile,
            "asset_id": str(asset.pk),
            "variant_id": str(attempt.variant.pk),
            "variant_name": attempt.variant.name,
            "preset": attempt.recipe.preset,
            "output_kind": attempt.recipe.kind,
        }
        events.emit("rindle.media.transcode.start", self._about)

    def succeeded(self) -> None:
        self._emit("stop")

    def failed(self, error: Exception) -> None:
        kind = classify(error)
        self._emit("exception", kind=_KINDS.get(kind, kind.value), reason=reason_code(error))

    def overtaken(self) -> None:
        """Whoever cancelled it has said so on the row; whoever took it over has not."""
        row = Variant.objects.filter(pk=self._variant.pk, state="cancelled")
        why = row.values_list("reason_code", flat=True).first()
        self._emit("exception", kind=CANCELLED, reason=why or SUPERSEDED)

    def _emit(self, end: str, **how: str) -> None:
        took = {"duration": round((time.monotonic() - self._began) * 1_000_000)}
        events.emit(f"rindle.media.transcode.{end}", {**self._about, **how}, took)
