"""Previews: a few moments of a video as a silent, animated WebP."""

from __future__ import annotations

import math
from collections.abc import Iterator

from PIL import Image

from rindle_django.media.av.frames import Film, Size, seen_size
from rindle_django.media.av.work import Work
from rindle_django.media.images import Limits, probe_image
from rindle_django.media.rendering import Rendered
from rindle_django.profiles.recipes import PreviewRecipe

# Of all frames together: they are held in memory, three bytes each.
MOST_PIXELS = 64_000_000


def make_preview(work: Work, recipe: PreviewRecipe) -> Rendered:
    """Raises ContentRefused("video_missing"), ContentRefused("output_mismatch") where no frame can
    be decoded, and what FFmpeg's run raises."""
    film = Film(work)
    size = _size(seen_size(work), recipe)
    pixels = list(_frames(film, size, recipe)) or film.frames(0, size)
    frames = [Image.frombytes("RGB", size, each) for each in pixels]
    if not frames:
        raise film.nothing()
    frames[0].save(
        work.target,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 / recipe.frame_rate),
        loop=0,
        quality=recipe.quality,
    )
    written = probe_image(work.target, recipe.content_type, Limits(max_pages=len(frames)))
    work.on_progress(100)
    return Rendered(
        written.width,
        written.height,
        pages=written.pages,
        byte_size=work.target.stat().st_size,
        content_type=recipe.content_type,
        duration_ms=round(len(frames) * 1000 / recipe.frame_rate),
    )


def _size(seen: Size, recipe: PreviewRecipe) -> Size:
    width = min(recipe.width, seen[0])
    height = width * seen[1] / seen[0]
    pixels = width * height * math.ceil(recipe.seconds * recipe.frame_rate)
    scale = min(1.0, math.sqrt(MOST_PIXELS / pixels))
    return max(1, int(width * scale)), max(1, round(height * scale))


def _frames(film: Film, size: Size, recipe: PreviewRecipe) -> Iterator[bytes]:
    moments = list(_moments(film.seconds(), recipe))
    for number, (begin, length) in enumerate(moments, 1):
        most = max(1, round(length * recipe.frame_rate))
        yield from film.frames(begin, size, most=most, rate=recipe.frame_rate)
        film.work.on_progress(90 * number // len(moments))


def _moments(seconds: float, recipe: PreviewRecipe) -> Iterator[tuple[float, float]]:
    """When each begins and how long it is: spread evenly, or all there is of a short video."""
    if seconds <= recipe.seconds:
        yield 0.0, seconds
        return
    length = recipe.seconds / recipe.moments
    for number in range(recipe.moments):
        middle = (number + 0.5) * seconds / recipe.moments
        yield max(0.0, min(seconds - length, middle - length / 2)), length
