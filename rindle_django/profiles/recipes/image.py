"""Images that are made of images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from rindle_django.profiles.recipes.base import Recipe

Mode = Literal["fit", "fill", "crop"]
Format = Literal["jpeg", "png", "webp", "avif"]
Gravity = Literal["centre", "north", "south", "east", "west", "attention", "entropy"]

DEFAULT_QUALITY: Mapping[str, int] = {"jpeg": 82, "webp": 80, "avif": 55, "png": 100}
CONTENT_TYPES: Mapping[str, str] = {name: f"image/{name}" for name in get_args(Format)}


@dataclass(frozen=True, kw_only=True)
class ImageRecipe(Recipe):
    """An image of an image.

    ``fit`` contains the image in the box and keeps its proportions, ``fill`` covers the box and
    cuts from the centre, ``crop`` covers it and cuts by ``gravity`` or ``focal_point`` (fractions
    of width and height). Sizes are in pixels, after EXIF orientation. Nothing is enlarged unless
    ``upscale``. ``background`` is what transparency is laid on where the format has none.
    """

    kind: ClassVar[str] = "image"
    sources: ClassVar[frozenset[str]] = frozenset({"image"})

    mode: Mode = "fit"
    width: int | None = None
    height: int | None = None
    format: Format = "jpeg"
    quality: int | None = None
    background: str = "#ffffff"
    gravity: Gravity = "centre"
    focal_point: tuple[float, float] | None = None
    upscale: bool = False
    animated: bool = True
    keep_icc: bool = False

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.format]

    @property
    def effective_quality(self) -> int:
        return self.quality if self.quality is not None else DEFAULT_QUALITY[self.format]

    def effective(self) -> dict[str, Any]:
        return {"quality": self.effective_quality}

    def problems(self) -> Iterator[str]:
        """What is wrong with this recipe, each a sentence for a system check."""
        yield from self._choice_problems()
        yield from self._size_problems()
        if self.quality is not None and not 1 <= self.quality <= 100:
            yield "quality must be between 1 and 100"
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.background):
            yield f"background must look like '#ffffff', not {self.background!r}"

    def _choice_problems(self) -> Iterator[str]:
        for name, allowed in (("mode", Mode), ("format", Format), ("gravity", Gravity)):
            if getattr(self, name) not in get_args(allowed):
                yield f"{name} must be one of {', '.join(get_args(allowed))}"

    def _size_problems(self) -> Iterator[str]:
        sizes = [size for size in (self.width, self.height) if size is not None]
        if not sizes:
            yield "give a width, a height or both"
        if any(not isinstance(size, int) or not 0 < size <= 16_384 for size in sizes):
            yield "width and height must be whole numbers from 1 to 16384"
        if self.mode == "crop" and len(sizes) < 2:
            yield "mode 'crop' needs both width and height"
        if self.focal_point is not None and not all(0 <= part <= 1 for part in self.focal_point):
            yield "focal_point must be two fractions between 0 and 1"
        if self.focal_point is not None and self.mode != "crop":
            yield "focal_point applies to mode 'crop' only"
