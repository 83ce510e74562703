"""Posters: one frame that shows something, made into an image like any other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from rindle_django.media.av.frames import Film, Size, seen_size
from rindle_django.media.av.work import Work
from rindle_django.media.geometry import place
from rindle_django.media.images import render_image
from rindle_django.media.rendering import Rendered
from rindle_django.profiles.recipes import PosterRecipe

# Where to look, as fractions of the length. The beginning is often black, the end often credits.
PLACES = (0.1, 0.3, 0.5, 0.7, 0.0)
# How many frames are looked at in each, and how small.
WINDOW = 24
GLIMPSE: Size = (32, 18)
# A frame shows something if its brightness varies by as much, and is neither night nor fog.
LEAST_SPREAD = 16.0
_SEEN = (20.0, 240.0)


def make_poster(work: Work, recipe: PosterRecipe) -> Rendered:
    """Raises ContentRefused("video_missing"), ContentRefused("output_mismatch") where no frame can
    be decoded, and what a pass of FFmpeg or the rendering of an image raises."""
    size = place(seen_size(work), recipe.image).scaled
    film = Film(work)
    at, skip = _place_of(film, recipe)
    work.on_progress(70)
    frame = film.frames(at, size, skip=skip) or film.frames(0, size)
    if not frame:
        raise film.nothing()
    picture = work.scratch(".png")
    try:
        Image.frombytes("RGB", size, frame[0]).save(picture, "PNG", compress_level=1)
        rendered = render_image(picture, "image/png", recipe.image, work.target)
    finally:
        picture.unlink(missing_ok=True)
    work.on_progress(100)
    return replace(rendered, cpu_seconds=sum(work.spent) + (rendered.cpu_seconds or 0.0))


def _place_of(film: Film, recipe: PosterRecipe) -> tuple[float, int]:
    """Seconds from the beginning, and how many frames to skip from there."""
    seconds = film.seconds()
    if recipe.at is not None:
        return recipe.at * seconds, 0
    best = (-1.0, 0.0, 0)
    for spread, at, skip in _candidates(film, seconds):
        if spread >= LEAST_SPREAD:
            return at, skip
        best = max(best, (spread, at, skip))
    return best[1:]


def _candidates(film: Film, seconds: float) -> Iterator[tuple[float, float, int]]:
    """How much each place shows, where it is, and its most typical frame."""
    for number, fraction in enumerate(PLACES, 1):
        window = film.glimpses(fraction * seconds, GLIMPSE, WINDOW)
        film.work.on_progress(10 * number)
        if window:
            typical = _most_typical(window)
            yield _spread(window[typical]), fraction * seconds, typical


def _most_typical(window: list[bytes]) -> int:
    """The frame that is nearest to the mean of all: no flash, and not the middle of a fade."""
    mean = [sum(pixel) / len(window) for pixel in zip(*window, strict=True)]
    return min(
        range(len(window)),
        key=lambda number: sum(
            abs(one - other) for one, other in zip(window[number], mean, strict=True)
        ),
    )


def _spread(frame: bytes) -> float:
    """How much the brightness varies; next to nothing for what is too dark or too bright."""
    mean = sum(frame) / len(frame)
    spread = math.sqrt(sum((pixel - mean) ** 2 for pixel in frame) / len(frame))
    return spread if _SEEN[0] <= mean <= _SEEN[1] else min(spread, LEAST_SPREAD - 1) / 2
