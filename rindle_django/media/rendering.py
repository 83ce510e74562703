"""One source, several recipes: what the decoder process does with a request.

Knows recipes and limits, but no decoder library and no process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic
from uuid import UUID

from rindle_django.errors import RindleError
from rindle_django.media.backends import ANIMATED_TYPES, ImageBackend, Picture
from rindle_django.media.geometry import Placement, anchored_box, check_output, place
from rindle_django.media.limits import ImageHeader, Limits, check_header
from rindle_django.media.thumbhash import MOST_SIDE, thumbhash
from rindle_django.media.verdicts import verdict
from rindle_django.profiles.recipes import ImageRecipe


@dataclass(frozen=True)
class Order:
    recipe: ImageRecipe
    target: Path


@dataclass(frozen=True)
class Part:
    """A further file of an output. The main one names it, by the last component of its path, which
    is the ``id`` and an extension: so it will be called in the storage, too."""

    id: UUID
    path: Path
    content_type: str


@dataclass(frozen=True)
class Rendered:
    """An output, as it was written. ``cpu_seconds`` is what its decoder used since the one before
    it, or since the request; None if that is not known. ``details`` are what a player has to know;
    ``parts`` the further files of an output that has several. ``placeholder`` is a ThumbHash of the
    source, with the first of those that are made together."""

    width: int | None
    height: int | None
    pages: int | None
    byte_size: int
    content_type: str
    cpu_seconds: float | None = None
    duration_ms: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    placeholder: str = ""


def probe(backend: ImageBackend[Picture], path: Path, mime: str, limits: Limits) -> ImageHeader:
    header = backend.header(path, mime)
    check_header(header, limits)
    return header


def render_all(
    backend: ImageBackend[Picture], path: Path, mime: str, orders: Sequence[Order], limits: Limits
) -> Iterator[tuple[int, Rendered | RindleError]]:
    """Each order's number and outcome, smallest first: thumbnails need not wait for the encoding
    of what is large. Raises what is wrong with the source."""
    source = _Source(backend, path, mime, probe(backend, path, mime, limits), limits)
    by_size = sorted(range(len(orders)), key=lambda at: source.weight(orders[at]))
    if len(orders) > 1:
        source.prepare([orders[number].recipe for number in by_size])
    for number in by_size:
        try:
            yield number, source.render(orders[number])
        except Exception as error:
            yield number, verdict(error, path, limits)


class _Source(Generic[Picture]):
    """The file on the table, and the largest picture made of it so far."""

    def __init__(
        self,
        backend: ImageBackend[Picture],
        path: Path,
        mime: str,
        header: ImageHeader,
        limits: Limits,
    ) -> None:
        self.backend, self.path, self.mime = backend, path, mime
        self.header, self.limits = header, limits
        self.largest: tuple[Placement, Picture] | None = None
        self.glimpsed = False

    def weight(self, order: Order) -> int:
        """Pixels of the picture before it is cut."""
        width, height = self._place(order.recipe).scaled
        return width * height

    def prepare(self, recipes: Sequence[ImageRecipe]) -> None:
        """Decode once, for the largest of ``recipes`` (given by size), and keep that picture."""
        stills = [each for each in recipes if not (each.keep_icc or self._animates(each))]
        if not stills:
            return
        # What goes wrong here goes wrong again, and is told, when that picture is asked for.
        with suppress(Exception):
            self._scaled(self._place(stills[-1]), stills[-1])

    def render(self, order: Order) -> Rendered:
        placement = self._place(order.recipe)
        pages = self.header.pages if self._animates(order.recipe) else 1
        check_output(placement, pages, self.limits)
        if pages > 1:
            picture, pages = self._render_frames(order, placement)
        else:
            picture = self._render_still(order, placement)
        return Rendered(
            *placement.cut,
            pages,
            order.target.stat().st_size,
            order.recipe.content_type,
            placeholder=self._glimpse(picture, order.recipe),
        )

    def _place(self, recipe: ImageRecipe) -> Placement:
        return place((self.header.width, self.header.height), recipe)

    def _animates(self, recipe: ImageRecipe) -> bool:
        moves = self.mime in ANIMATED_TYPES and self.header.pages > 1
        return moves and recipe.animated and recipe.format == "webp"

    def _render_still(self, order: Order, placement: Placement) -> Picture:
        """Returns the picture before it was cut."""
        whole = self._scaled(placement, order.recipe)
        picture = self._cut(whole, placement, order.recipe)
        self.backend.save(picture, order.recipe, order.target)
        return whole

    def _render_frames(self, order: Order, placement: Placement) -> tuple[Picture, int]:
        """Returns the first of them before it was cut, and how many there are."""
        animation = self.backend.load_frames(self.path, self.mime, placement.scaled)
        first = animation.frames[0]
        if placement.crops:
            box = anchored_box(placement, order.recipe) or self.backend.interesting(
                animation.frames[0], placement, order.recipe.gravity
            )
            animation.frames = [self.backend.cut(frame, box) for frame in animation.frames]
        self.backend.save_animation(animation, order.recipe, order.target)
        return first, len(animation.frames)

    def _glimpse(self, picture: Picture, recipe: ImageRecipe) -> str:
        """A ThumbHash, once: of the first picture that is done, which is the smallest."""
        if self.glimpsed or recipe.keep_icc:  # whose colours are in a space of their own
            return ""
        self.glimpsed = True
        return thumbhash(*self.backend.glimpse(picture, MOST_SIDE))

    def _scaled(self, placement: Placement, recipe: ImageRecipe) -> Picture:
        """From the source, or from a picture at least twice as large, where no eye can tell."""
        if recipe.keep_icc:
            return self._load(placement, keep_icc=True)
        if self.largest is None:
            self.largest = placement, self._load(placement, keep_icc=False)
            return self.largest[1]
        (width, height), picture = self.largest[0].scaled, self.largest[1]
        if placement.scaled == (width, height):
            return picture
        if placement.scaled[0] * 2 <= width and placement.scaled[1] * 2 <= height:
            return self.backend.rescale(picture, placement.scaled)
        return self._load(placement, keep_icc=False)

    def _load(self, placement: Placement, *, keep_icc: bool) -> Picture:
        return self.backend.load(self.path, self.mime, placement.scaled, keep_icc=keep_icc)

    def _cut(self, picture: Picture, placement: Placement, recipe: ImageRecipe) -> Picture:
        if not placement.crops:
            return picture
        box = anchored_box(placement, recipe) or self.backend.interesting(
            picture, placement, recipe.gravity
        )
        return self.backend.cut(picture, box)
