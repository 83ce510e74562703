"""Storyboards: small frames of the whole length on one sheet, and a WebVTT map of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from rindle_django.media.av.frames import Film, Size, seen_size
from rindle_django.media.av.work import Work
from rindle_django.media.geometry import LARGEST_SIDE
from rindle_django.media.rendering import Rendered
from rindle_django.profiles.recipes import StoryboardRecipe

# Of the whole sheet: it is put together in memory, three bytes each.
MOST_PIXELS = 32_000_000
QUALITY = 75


@dataclass(frozen=True)
class Layout:
    """``tiles`` pictures of ``tile`` pixels, ``columns`` in a row, each for ``interval`` seconds
    of ``seconds``."""

    tiles: int
    columns: int
    tile: Size
    seconds: float

    @property
    def interval(self) -> float:
        return self.seconds / self.tiles

    @property
    def sheet(self) -> Size:
        return self.tile[0] * self.columns, self.tile[1] * math.ceil(self.tiles / self.columns)

    def corner(self, number: int) -> tuple[int, int]:
        row, column = divmod(number, self.columns)
        return column * self.tile[0], row * self.tile[1]


def make_storyboard(work: Work, recipe: StoryboardRecipe) -> Rendered:
    """Raises ContentRefused("video_missing"), ContentRefused("output_mismatch") where no frame can
    be decoded, and what FFmpeg's run raises."""
    film = Film(work)
    layout = lay_out(film.seconds(), seen_size(work), recipe)
    part = work.part(f"image/{recipe.format}")
    sheet = Image.new("RGB", layout.sheet)
    for number, frame in enumerate(_frames(film, layout)):
        sheet.paste(Image.frombytes("RGB", layout.tile, frame), layout.corner(number))
        work.on_progress(100 * (number + 1) // layout.tiles)
    sheet.save(part.path, recipe.format, quality=QUALITY)
    _write_map(work.target, layout, part.path.name)
    return Rendered(
        *layout.sheet,
        pages=None,
        byte_size=work.target.stat().st_size,
        content_type=recipe.content_type,
        duration_ms=round(layout.seconds * 1000),
        details={
            "tiles": layout.tiles,
            "columns": layout.columns,
            "tile_width": layout.tile[0],
            "tile_height": layout.tile[1],
            "interval": round(layout.interval, 3),
        },
        parts=(part,),
    )


def lay_out(seconds: float, size: Size, recipe: StoryboardRecipe) -> Layout:
    """At least one tile, however short; over the whole length, however long (W3.14)."""
    tiles = min(recipe.tiles, max(1, round(seconds / recipe.interval)))
    columns = min(recipe.columns, tiles)
    rows = math.ceil(tiles / columns)
    width = min(recipe.tile_width, size[0])
    height = max(1, round(width * size[1] / size[0]))
    largest = LARGEST_SIDE[recipe.format]
    scale = min(
        1.0,
        largest / (width * columns),
        largest / (height * rows),
        math.sqrt(MOST_PIXELS / (width * columns * height * rows)),
    )
    tile = max(1, int(width * scale)), max(1, int(height * scale))
    return Layout(tiles, columns, tile, max(seconds, 0.001))


def _frames(film: Film, layout: Layout) -> Iterator[bytes]:
    """One for each tile, from the middle of its time. Where there is none, that before it."""
    last: list[bytes] = []
    for number in range(layout.tiles):
        last = film.frames((number + 0.5) * layout.interval, layout.tile) or last
        last = last or film.frames(0, layout.tile)
        if not last:
            raise film.nothing()
        yield last[0]


def _write_map(target: Path, layout: Layout, sheet: str) -> None:
    width, height = layout.tile
    cues = ["WEBVTT"]
    for number in range(layout.tiles):
        begin, end = (_time((number + more) * layout.interval) for more in (0, 1))
        left, top = layout.corner(number)
        cues.append(f"{begin} --> {end}\n{sheet}#xywh={left},{top},{width},{height}")
    target.write_text("\n\n".join(cues) + "\n", encoding="utf-8")


def _time(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
