"""Waveforms: how loud something is along its length, as numbers or drawn.

FFmpeg gives the samples, of which only the peaks are kept; what is drawn are our own numbers.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from rindle_django.errors import ContentRefused
from rindle_django.media.av.filters import FIRST_AUDIO, IN_STEP
from rindle_django.media.av.peaks import SAMPLE_FORMAT, Peaks
from rindle_django.media.av.sound import require_audio
from rindle_django.media.av.work import Work
from rindle_django.media.rendering import Rendered
from rindle_django.profiles.recipes import WaveformRecipe

VERSION = 1
# Enough for the peaks of voices and music, of which CDs have 44,100.
SAMPLE_RATE = 16_000
_ARGUMENTS = (
    *("-map", FIRST_AUDIO, "-vn", "-sn", "-dn", "-af", IN_STEP),
    *("-ac", "1", "-ar", str(SAMPLE_RATE), "-f", SAMPLE_FORMAT, "pipe:1"),
)

Points = Sequence[tuple[float, float]]


def make_waveform(work: Work, recipe: WaveformRecipe) -> Rendered:
    """Raises ContentRefused("output_mismatch") where no sound can be decoded, and what FFmpeg's
    run raises."""
    require_audio(work)
    peaks = Peaks(recipe.points)
    work.run(_ARGUMENTS, on_output=peaks.feed)
    if not peaks.samples:
        raise ContentRefused("output_mismatch", detail="no sound could be decoded")
    points, duration_ms = tuple(peaks.points()), round(peaks.samples * 1000 / SAMPLE_RATE)
    _WRITERS[recipe.format](work.target, points, recipe, duration_ms)
    drawn = recipe.format != "json"
    return Rendered(
        width=recipe.width if drawn else None,
        height=recipe.height if drawn else None,
        pages=None,
        byte_size=work.target.stat().st_size,
        content_type=recipe.content_type,
        duration_ms=duration_ms,
        details={"points": len(points)},
    )


def _write_json(target: Path, points: Points, _recipe: WaveformRecipe, duration_ms: int) -> None:
    content = {
        "version": VERSION,
        "sample_rate": SAMPLE_RATE,
        "duration_ms": duration_ms,
        "points": [[round(low, 4), round(high, 4)] for low, high in points],
    }
    target.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False))


def _write_svg(target: Path, points: Points, recipe: WaveformRecipe, _duration_ms: int) -> None:
    width, height, color = recipe.width, recipe.height, html.escape(recipe.color)
    path = "".join(
        f"M{left:.2f} {top:.2f}H{right:.2f}V{bottom:.2f}H{left:.2f}Z"
        for left, top, right, bottom in _bars(points, recipe)
    )
    target.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" preserveAspectRatio="none">'
        f'<path fill="{color}" d="{path}"/></svg>'
    )


def _write_png(target: Path, points: Points, recipe: WaveformRecipe, _duration_ms: int) -> None:
    red, green, blue = bytes.fromhex(recipe.color.removeprefix("#"))
    image = Image.new("RGBA", (recipe.width, recipe.height), (red, green, blue, 0))
    draw = ImageDraw.Draw(image)
    for left, top, right, bottom in _bars(points, recipe):
        first, last = int(left), max(int(left), round(right) - 1)
        draw.rectangle((first, int(top), last, max(int(top), round(bottom) - 1)), recipe.color)
    image.save(target, "PNG", optimize=True)


def _bars(points: Points, recipe: WaveformRecipe) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each: about the middle, at least one pixel high, a third of
    its width apart from the next where there is room."""
    step, middle = recipe.width / len(points), recipe.height / 2
    gap = step / 3 if step >= 3 else 0.0
    bars = []
    for number, (low, high) in enumerate(points):
        top = max(0.0, min(middle - 0.5, middle - high * middle))
        bottom = min(float(recipe.height), max(middle + 0.5, middle - low * middle))
        bars.append((number * step, top, (number + 1) * step - gap, bottom))
    return bars


_WRITERS: Mapping[str, Callable[[Path, Points, WaveformRecipe, int], None]] = {
    "json": _write_json,
    "svg": _write_svg,
    "png": _write_png,
}
