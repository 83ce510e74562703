"""The photos of a run: crops of a real one, no two alike, made anew from the samples."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image

SAMPLE = Path(__file__).resolve().parents[2] / "example_project" / "photos" / "dandelion.jpg"
# Width and height of the photos of a set, in turn.
SETS = {
    "large": ((4000, 3000), (4608, 3456), (5184, 3888), (3456, 4608)),
    "small": ((1152, 864), (864, 1152), (1200, 800)),
    "12mp": ((4000, 3000),),
    "100mp": ((11600, 8700),),
}
QUALITY = 88


def make(folder: Path, which: str, count: int) -> list[Path]:
    """``count`` photos of the set ``which``."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(which)
    with Image.open(SAMPLE) as opened:
        sample = opened.convert("RGB")
    sizes = SETS[which]
    return [_photo(sample, sizes[n % len(sizes)], folder, n, chance) for n in range(count)]


def _photo(
    sample: Image.Image, size: tuple[int, int], folder: Path, number: int, chance: random.Random
) -> Path:
    share = chance.uniform(0.8, 1.0)
    width = min(sample.width, sample.height * size[0] / size[1]) * share
    height = width * size[1] / size[0]
    left = chance.uniform(0, sample.width - width)
    top = chance.uniform(0, sample.height - height)
    box = (left, top, left + width, top + height)
    path = folder / f"photo{number:03}.jpg"
    sample.resize(size, Image.Resampling.BICUBIC, box=box).save(path, quality=QUALITY)
    return path
