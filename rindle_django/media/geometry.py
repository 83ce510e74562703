"""Arithmetic of a recipe on a size: what to scale to, and what to cut from that.

Shared by all backends, so that they agree to the pixel. Knows no image, only numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rindle_django.errors import ContentRefused
from rindle_django.media.limits import Limits
from rindle_django.profiles.recipes import ImageRecipe

Size = tuple[int, int]

# What the formats can hold at all; a tall screenshot at full width is made to fit.
LARGEST_SIDE: Mapping[str, int] = {"jpeg": 65_500, "png": 65_500, "webp": 16_383, "avif": 16_384}
_ANCHORS: Mapping[str, tuple[float, float]] = {
    "centre": (0.5, 0.5),
    "north": (0.5, 0.0),
    "south": (0.5, 1.0),
    "east": (1.0, 0.5),
    "west": (0.0, 0.5),
}


@dataclass(frozen=True)
class Placement:
    """Scale the whole image to ``scaled`` (proportions kept), then cut out ``cut``."""

    scaled: Size
    cut: Size

    @property
    def crops(self) -> bool:
        return self.scaled != self.cut


@dataclass(frozen=True)
class Box:
    left: int
    top: int
    width: int
    height: int


def place(size: Size, recipe: ImageRecipe) -> Placement:
    """Where ``recipe`` puts an image of ``size`` (after orientation)."""
    if recipe.mode == "fit" or recipe.width is None or recipe.height is None:
        placement = _contain(size, recipe)
    else:
        placement = _cover(size, (recipe.width, recipe.height), enlarge=recipe.upscale)
    return _within(placement, LARGEST_SIDE[recipe.format])


def anchored_box(placement: Placement, recipe: ImageRecipe) -> Box | None:
    """The part to cut out; None where only a look at the pixels can tell."""
    if recipe.mode == "crop" and recipe.focal_point is not None:
        return _around(placement, recipe.focal_point)
    anchor = _ANCHORS.get(recipe.gravity) if recipe.mode == "crop" else _ANCHORS["centre"]
    if anchor is None:
        return None
    slack = (placement.scaled[0] - placement.cut[0], placement.scaled[1] - placement.cut[1])
    return Box(int(slack[0] * anchor[0]), int(slack[1] * anchor[1]), *placement.cut)


def check_output(placement: Placement, pages: int, limits: Limits) -> None:
    """Refuse an output that is itself a bomb: a sliver enlarged to a wide recipe (S4)."""
    pixels = placement.scaled[0] * placement.scaled[1]
    limit = max(limits.max_pixels, limits.max_total_pixels) if pages > 1 else limits.max_pixels
    if pixels * pages > limit:
        raise ContentRefused("pixels_exceeded", pixels=pixels * pages, limit=limit)


def _contain(size: Size, recipe: ImageRecipe) -> Placement:
    """Contained in the box, proportions kept, a missing side free (P1, P2, W3.1)."""
    sides = zip((recipe.width, recipe.height), size, strict=True)
    scale = min(wanted / given for wanted, given in sides if wanted is not None)
    scaled = _scale(size, scale if recipe.upscale else min(scale, 1.0))
    return Placement(scaled, scaled)


def _cover(size: Size, box: Size, *, enlarge: bool) -> Placement:
    """The box covered and cut to its shape; a smaller source gives a smaller output (W3.2)."""
    scale = max(box[0] / size[0], box[1] / size[1])
    if scale > 1 and not enlarge:
        share = min(size[0] / box[0], size[1] / box[1])
        return Placement(size, _capped(_scale(box, share), size))
    scaled = _scale(size, scale)
    # Rounding may leave a side one pixel short of the box it has to cover.
    return Placement((max(scaled[0], box[0]), max(scaled[1], box[1])), box)


def _within(placement: Placement, largest: int) -> Placement:
    longest = max(placement.cut)
    if longest <= largest:
        return placement
    scaled = _scale(placement.scaled, largest / longest)
    return Placement(scaled, _capped(_scale(placement.cut, largest / longest), scaled))


def _around(placement: Placement, point: tuple[float, float]) -> Box:
    """The point in the middle of the cut, as far as the image's edges allow."""
    left, top = (
        min(max(round(part * whole - cut / 2), 0), whole - cut)
        for part, whole, cut in zip(point, placement.scaled, placement.cut, strict=True)
    )
    return Box(left, top, *placement.cut)


def _scale(size: Size, factor: float) -> Size:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _capped(size: Size, most: Size) -> Size:
    return min(size[0], most[0]), min(size[1], most[1])
