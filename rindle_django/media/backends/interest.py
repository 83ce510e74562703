"""Which part of a picture to keep, for the backend that cannot tell by itself."""

from __future__ import annotations

from itertools import accumulate

from PIL import Image, ImageChops, ImageFilter

from rindle_django.media.geometry import Box, Placement

_GRID = 96  # detail is judged on a copy of about this many pixels a side


def most_interesting(image: Image.Image, placement: Placement, *, colourful: bool) -> Box:
    """The window with most detail (and, if ``colourful``, saturation) along each axis."""
    small = image.convert("RGB").resize(
        (min(_GRID, placement.scaled[0]), min(_GRID, placement.scaled[1])), Image.Resampling.BOX
    )
    interest = small.convert("L").filter(ImageFilter.FIND_EDGES)
    if colourful:
        interest = ImageChops.add(interest, small.convert("HSV").getchannel("S"), scale=2)
    columns = list(interest.resize((small.width, 1), Image.Resampling.BOX).tobytes())
    rows = list(interest.resize((1, small.height), Image.Resampling.BOX).tobytes())
    left = _best_start(columns, placement.scaled[0], placement.cut[0])
    top = _best_start(rows, placement.scaled[1], placement.cut[1])
    return Box(left, top, *placement.cut)


def _best_start(interest: list[int], whole: int, wanted: int) -> int:
    """Where the window of ``wanted`` of ``whole`` pixels begins that holds most interest."""
    span = max(1, round(len(interest) * wanted / whole))
    sums = [0, *accumulate(interest)]
    starts = range(len(interest) - span + 1)
    middle = (len(interest) - span) / 2
    best = max(starts, key=lambda at: (sums[at + span] - sums[at], -abs(at - middle)))
    return min(round(best * whole / len(interest)), whole - wanted)
