"""One source, several recipes: what the decoder process does with a request.

Knows recipes and limits, but no decoder library and no process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from rindle_django.errors import RindleError
from rindle_django.media.backends import ANIMATED_TYPES, ImageBackend, Picture
from rindle_django.media.geometry import Placement, Size, anchored_box, check_output, place
from rindle_django.media.limits import ImageHeader, Limits, check_header
from rindle_django.media.thumbhash import MOST_SIDE, thumbhash
from rindle_django.media.verdicts import verdict
from rindle_django.profiles.recipes import ImageRecipe

if TYPE_CHECKING:
    from uuid import UUID


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
    header = probe(backend, path, mime, limits)
    source = _Source(backend, path, mime, header, limits, [order.recipe for order in orders])
    for number in sorted(range(len(orders)), key=lambda at: source.weight(orders[at])):
        try:
            yield number, source.render(orders[number])
        except Exception as error:
            yield number, verdict(error, path, limits)


class _Source(Generic[Picture]):
    """The file on the table, and the pictures made of it that are to be asked for again."""

    def __init__(
        self,
        backend: ImageBackend[Picture],
        path: Path,
        mime: str,
        header: ImageHeader,
        limits: Limits,
        recipes: Sequence[ImageRecipe],
    ) -> None:
        self.backend, self.path, self.mime = backend, path, mime
        self.header, self.limits = header, limits
        self.glimpsed = False
        # The sizes, smallest first, that are yet to come of pictures which can be made of others.
        self.wanted = sorted(self._place(each).scaled for each in recipes if self._chains(each))
        self.made: dict[Size, Picture] = {}
        self.failed: set[Size] = set()

    def weight(self, order: Order) -> int:
        """Pixels of the picture before it is cut."""
        width, height = self._place(order.recipe).scaled
        return width * height

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

    def _chains(self, recipe: ImageRecipe) -> bool:
        if recipe.keep_icc or self._animates(recipe):
            return False
        width, height = self._place(recipe).scaled
        return width * height <= self.limits.max_pixels  # what is larger is refused

    def _scaled(self, placement: Placement, recipe: ImageRecipe) -> Picture:
        """From the source, or from a picture of it that is large enough."""
        if not self._chains(recipe):
            return self._load(placement.scaled, keep_icc=recipe.keep_icc)
        picture = self._picture(placement.scaled)
        self.wanted.remove(placement.scaled)
        if placement.scaled not in self.wanted:
            self.made.pop(placement.scaled, None)
        return picture

    def _picture(self, size: Size) -> Picture:
        """Kept for those that are made of it, as smaller pictures are asked for first: so that the
        source is decoded once, for the largest."""
        if size not in self.made:
            resized = self._resized(size)
            self.made[size] = self._load(size, keep_icc=False) if resized is None else resized
        return self.made[size]

    def _resized(self, size: Size) -> Picture | None:
        """From the smallest picture that will do; None if there is none."""
        for larger in self.wanted:
            if larger not in self.failed and self._serves(larger, size):
                try:
                    return self.backend.rescale(self._picture(larger), size)
                except Exception:
                    # It goes wrong again, and is told, when the turn of that one comes.
                    self.failed.add(larger)
        return None

    def _serves(self, larger: Size, size: Size) -> bool:
        """Whether no eye can tell: twice as large, but for rounding, or not scaled at all."""
        whole = larger == (self.header.width, self.header.height)
        least = size if whole else (2 * size[0] - 1, 2 * size[1] - 1)
        return larger != size and larger[0] >= least[0] and larger[1] >= least[1]

    def _load(self, size: Size, *, keep_icc: bool) -> Picture:
        return self.backend.load(self.path, self.mime, size, keep_icc=keep_icc)

    def _cut(self, picture: Picture, placement: Placement, recipe: ImageRecipe) -> Picture:
        if not placement.crops:
            return picture
        box = anchored_box(placement, recipe) or self.backend.interesting(
            picture, placement, recipe.gravity
        )
        return self.backend.cut(picture, box)
