"""Pictures that are taken from a video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from rindle_django.profiles.recipes.base import Recipe, choice_problem, range_problem
from rindle_django.profiles.recipes.image import CONTENT_TYPES, Format, ImageRecipe

SheetFormat = Literal["jpeg", "webp"]
_SEEN = frozenset({"video"})


@dataclass(frozen=True, kw_only=True)
class PosterRecipe(Recipe):
    """One frame that stands for the video, within ``width`` by ``height`` pixels.

    ``at`` is where it is taken, as a fraction of the length; None looks for a frame that shows
    something. ``format`` and ``quality`` are those of ``ImageRecipe``.
    """

    kind: ClassVar[str] = "poster"
    sources: ClassVar[frozenset[str]] = _SEEN

    width: int | None = 1280
    height: int | None = 1280
    format: Format = "jpeg"
    quality: int | None = None
    at: float | None = None

    @property
    def image(self) -> ImageRecipe:
        """What is made of the frame."""
        return ImageRecipe(
            width=self.width, height=self.height, format=self.format, quality=self.quality
        )

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.format]

    def effective(self) -> dict[str, Any]:
        return {"quality": self.image.effective_quality}

    def problems(self) -> Iterator[str]:
        yield from self.image.problems()
        if self.at is not None:
            yield from range_problem("at", self.at, 0, 1, whole=False)


@dataclass(frozen=True, kw_only=True)
class StoryboardRecipe(Recipe):
    """Small frames of the whole length on one sheet, and a WebVTT map of them: what a player shows
    above its timeline.

    ``tiles`` is the most there are, one every ``interval`` seconds or further apart; each is
    ``tile_width`` pixels wide, in rows of ``columns``.
    """

    kind: ClassVar[str] = "storyboard"
    sources: ClassVar[frozenset[str]] = _SEEN

    tiles: int = 100
    interval: float = 2.0
    tile_width: int = 160
    columns: int = 10
    format: SheetFormat = "jpeg"

    @property
    def content_type(self) -> str:
        return "text/vtt"

    def problems(self) -> Iterator[str]:
        yield from choice_problem("format", self.format, get_args(SheetFormat))
        yield from range_problem("tiles", self.tiles, 1, 400)
        yield from range_problem("interval", self.interval, 0.1, 3600, whole=False)
        yield from range_problem("tile_width", self.tile_width, 32, 640)
        yield from range_problem("columns", self.columns, 1, 40)


@dataclass(frozen=True, kw_only=True)
class PreviewRecipe(Recipe):
    """A short, silent, animated WebP of moments from all over the video.

    ``seconds`` long altogether, ``width`` pixels wide, ``frame_rate`` frames a second.
    """

    kind: ClassVar[str] = "preview"
    sources: ClassVar[frozenset[str]] = _SEEN

    width: int = 320
    seconds: float = 4.0
    moments: int = 4
    frame_rate: int = 10
    quality: int = 60

    @property
    def content_type(self) -> str:
        return "image/webp"

    def problems(self) -> Iterator[str]:
        yield from range_problem("width", self.width, 32, 1280)
        yield from range_problem("seconds", self.seconds, 0.5, 20, whole=False)
        yield from range_problem("moments", self.moments, 1, 20)
        yield from range_problem("frame_rate", self.frame_rate, 1, 30)
        yield from range_problem("quality", self.quality, 1, 100)
