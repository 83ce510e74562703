"""Looking at images and rendering them: the room's front door.

Nothing is decoded in this process. Every file goes to a decoder of its own kind, confined and
timed, and comes back as numbers, a written target, or one typed error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rindle_django.conf import config
from rindle_django.errors import (
    ContentRefused,
    Misconfigured,
    RindleError,
    TransientFailure,
)
from rindle_django.media import sandbox, wire
from rindle_django.media.decoder import SPENT, Died
from rindle_django.media.limits import ImageHeader, Limits
from rindle_django.media.rendering import Order, Rendered
from rindle_django.media.types import MEDIA_TYPES, REMEDIES, canonical
from rindle_django.profiles.recipes import ImageRecipe

__all__ = [
    "ImageHeader",
    "Limits",
    "Rendered",
    "available_backends",
    "decodable",
    "probe_image",
    "render_each",
    "render_image",
    "render_images",
]

# What every backend decodes: answered without starting a decoder.
_ALWAYS = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_BATCH = 32


def probe_image(
    path: Path, mime: str, limits: Limits | None = None, *, backend: str | None = None
) -> ImageHeader:
    """What the header says, as far as it is within ``limits``; no pixel is decoded.

    Raises ContentRefused, Misconfigured("decoder_missing"), TransientFailure.
    """
    limits = limits or Limits()
    _check_source(path, mime, backend)
    message = wire.request("probe", path, canonical(mime), limits, backend=_choice(backend))
    return wire.header_of(_told(sandbox.ask_once(message, limits)).get("header"))


def render_image(
    path: Path,
    mime: str,
    recipe: ImageRecipe,
    target: Path,
    limits: Limits | None = None,
    *,
    backend: str | None = None,
) -> Rendered:
    """Write what ``recipe`` makes of the image to ``target``; on any error there is no target.

    Raises ContentRefused, Misconfigured, TransientFailure.
    """
    (outcome,) = render_images(path, mime, [(recipe, target)], limits, backend=backend)
    if isinstance(outcome, RindleError):
        raise outcome
    return outcome


def render_images(
    path: Path,
    mime: str,
    jobs: Sequence[tuple[ImageRecipe, Path]],
    limits: Limits | None = None,
    *,
    backend: str | None = None,
) -> list[Rendered | RindleError]:
    """Render several recipes of one source in one go: an outcome for each, in their order."""
    outcomes = dict(render_each(path, mime, jobs, limits, backend=backend))
    return [outcomes[number] for number in range(len(jobs))]


def render_each(
    path: Path,
    mime: str,
    jobs: Sequence[tuple[ImageRecipe, Path]],
    limits: Limits | None = None,
    *,
    backend: str | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[tuple[int, Rendered | RindleError]]:
    """Render several recipes of one source: the number and outcome of each, as soon as it is done.

    Small ones come first. One that fails costs the others nothing. Should the decoder die, those
    that were not done are tried one by one, so that only the guilty one fails.
    ``meanwhile`` is done while the next is not ready at once.
    """
    limits = limits or Limits()
    orders = tuple(Order(recipe, Path(target)) for recipe, target in jobs)
    try:
        _check_source(path, mime, backend)
    except (ContentRefused, Misconfigured) as error:
        yield from ((number, error) for number in range(len(orders)))
        return
    studio = _Studio(path, canonical(mime), limits, _choice(backend), meanwhile)
    for start in range(0, len(orders), _BATCH):
        batch = orders[start : start + _BATCH]
        for number, outcome in studio.render(batch):
            if isinstance(outcome, RindleError):  # leave nothing half done
                batch[number].target.unlink(missing_ok=True)
            yield start + number, outcome


def available_backends() -> tuple[str, ...]:
    """The decoder libraries that can be loaded here, the preferred one first."""
    return tuple(_formats())


def decodable(mime: str, *, backend: str | None = None) -> str | None:
    """None if images of this type can be decoded here, else what to do about it."""
    mime, chosen = canonical(mime), _choice(backend)
    if chosen is None and mime in _ALWAYS:
        return None
    formats = _formats()
    if chosen is not None and chosen not in formats:
        return f"the image backend {chosen!r} cannot be loaded: pip install 'rindle-django[vips]'"
    usable = formats[chosen or next(iter(formats))]
    return None if mime in usable else REMEDIES.get(mime, f"{mime} is not decoded")


def _choice(backend: str | None) -> str | None:
    return backend or config().IMAGE_BACKEND


@cache
def _formats() -> dict[str, frozenset[str]]:
    """What each backend decodes. Asked of a decoder: this process loads none of them."""
    limits = Limits()
    message = wire.request("formats", Path(), "", limits, backend=None)
    try:
        (answer,) = sandbox.ask(message, 1, limits)
        return {name: frozenset(mimes) for name, mimes in answer["formats"].items()}
    except (Died, wire.Garbled) as error:
        raise TransientFailure("decoder_unavailable", detail=str(error)) from error


def _check_source(path: Path, mime: str, backend: str | None) -> None:
    if path.stat().st_size == 0:
        raise ContentRefused("empty_file")
    known = MEDIA_TYPES.get(canonical(mime))
    if known is None or known.kind != "image":
        raise ContentRefused("image_unreadable", detail=f"{mime} is not an image")
    hint = decodable(mime, backend=backend)
    if hint is not None:
        raise Misconfigured("decoder_missing", mime=mime, hint=hint)


def _told(answer: wire.Message) -> wire.Message:
    """The answer, unless it is an error, which is raised."""
    if "error" in answer:
        raise wire.error_of(answer["error"])
    return answer


@dataclass(frozen=True)
class _Studio:
    """One source and how to read it."""

    path: Path
    mime: str
    limits: Limits
    backend: str | None
    meanwhile: Callable[[], None] | None

    def render(self, orders: tuple[Order, ...]) -> Iterator[tuple[int, Rendered | RindleError]]:
        """All in one request if that goes well; one by one whatever it left undone."""
        left = set(range(len(orders)))
        if len(orders) > 1:
            for number, outcome in self._together(orders, left):
                left.discard(number)
                yield number, outcome
        for number in sorted(left):
            yield number, self._alone(orders[number])

    def _together(
        self, orders: tuple[Order, ...], left: set[int]
    ) -> Iterator[tuple[int, Rendered | RindleError]]:
        answers = sandbox.ask(self._request(orders), len(orders), self.limits, self.meanwhile)
        with closing(answers):
            while True:
                try:
                    answer = next(answers, None)
                    if answer is None:
                        return
                    if "number" not in answer:
                        error = wire.error_of(answer.get("error"))
                        break
                    number, order = wire.numbered(answer, orders)
                except (Died, wire.Garbled, TransientFailure):
                    # Nobody's verdict yet: each that is not done is tried by itself.
                    return
                yield number, _outcome(answer, order)
        yield from ((number, error) for number in sorted(left))

    def _alone(self, order: Order) -> Rendered | RindleError:
        try:
            return _outcome(sandbox.ask_once(self._request((order,)), self.limits), order)
        except RindleError as error:
            return error
        except wire.Garbled as fault:
            return ContentRefused("decoder_killed", signal=str(fault))

    def _request(self, orders: tuple[Order, ...]) -> wire.Message:
        return wire.request(
            "render", self.path, self.mime, self.limits, backend=self.backend, orders=orders
        )


def _outcome(answer: wire.Message, order: Order) -> Rendered | RindleError:
    try:
        rendered = _told(answer).get("rendered")
        return wire.rendered_of(rendered, order, cpu_seconds=answer[SPENT])
    except RindleError as error:
        return error
