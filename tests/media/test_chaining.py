"""Several pictures of one source: what is made of what, and that nobody can tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from rindle_django.errors import RindleError
from rindle_django.media.backends.pillow import Picture, Pillow
from rindle_django.media.geometry import Size
from rindle_django.media.images import render_images
from rindle_django.media.limits import Limits
from rindle_django.media.rendering import Order, Rendered, render_all
from rindle_django.profiles.recipes import ImageRecipe

SAMPLE = Path(__file__).resolve().parents[2] / "example_project" / "photos" / "dandelion.jpg"


class Watched(Pillow):
    """Writes down which sizes were read from the file, and which were made of other pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[Size] = []
        self.resized: list[tuple[Size, Size]] = []
        self._loading = False

    def load(self, path: Path, mime: str, size: Size, *, keep_icc: bool) -> Picture:
        self.loaded.append(size)
        self._loading = True
        try:
            return super().load(path, mime, size, keep_icc=keep_icc)
        finally:
            self._loading = False

    def rescale(self, picture: Picture, size: Size) -> Picture:
        if not self._loading:
            self.resized.append((picture.size, size))
        return super().rescale(picture, size)


def fit(side: int, **others: object) -> ImageRecipe:
    return ImageRecipe(width=side, height=side, **others)  # type: ignore[arg-type]


def outcomes(
    backend: Watched, source: Path, recipes: Sequence[ImageRecipe], folder: Path, **bounds: int
) -> list[Rendered | RindleError]:
    orders = [Order(each, folder / f"output-{n}") for n, each in enumerate(recipes)]
    limits = Limits(**bounds)
    made = dict(render_all(backend, source, "image/jpeg", orders, limits))
    return [made[number] for number in range(len(recipes))]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    with Image.open(SAMPLE) as image:
        image.resize((1500, 1003)).save(path, quality=90)
    return path


def test_the_source_is_read_once_and_each_is_made_of_the_next_larger(photo, tmp_path):
    backend = Watched()
    made = outcomes(backend, photo, [fit(100), fit(800), fit(250)], tmp_path)
    assert all(isinstance(each, Rendered) for each in made)
    assert backend.loaded == [(800, 535)]
    assert backend.resized == [((800, 535), (250, 167)), ((250, 167), (100, 67))]


def test_what_is_not_twice_as_large_is_read_anew(photo, tmp_path):
    backend = Watched()
    outcomes(backend, photo, [fit(500), fit(800)], tmp_path)
    assert backend.loaded == [(500, 334), (800, 535)]
    assert backend.resized == []


def test_a_half_that_was_rounded_up_is_still_a_half(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (2400, 1601), "red").save(path)  # 1067.3 rows at 1600, 533.7 at 800
    backend = Watched()
    outcomes(backend, path, [fit(800), fit(1600)], tmp_path)
    assert backend.resized == [((1600, 1067), (800, 534))]


def test_a_picture_that_was_not_scaled_serves_all_others(photo, tmp_path):
    backend = Watched()
    outcomes(backend, photo, [fit(1000), fit(2000)], tmp_path)
    assert backend.loaded == [(1500, 1003)]
    assert backend.resized == [((1500, 1003), (1000, 669))]


def test_what_is_refused_serves_nothing(photo, tmp_path):
    backend = Watched()
    small, huge = outcomes(
        backend, photo, [fit(400), fit(2000, upscale=True)], tmp_path, max_pixels=1_600_000
    )
    assert isinstance(small, Rendered)
    assert isinstance(huge, RindleError)
    assert huge.code == "pixels_exceeded"
    assert backend.loaded == [(400, 267)]


def test_a_source_that_breaks_off_is_told_of_each(photo, tmp_path):
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(photo.read_bytes()[:40_000])
    backend = Watched()
    made = outcomes(backend, cut, [fit(100), fit(400), fit(1400)], tmp_path)
    assert [each.code for each in made if isinstance(each, RindleError)] == ["image_truncated"] * 3


def test_one_that_keeps_its_profile_is_read_for_itself(photo, tmp_path):
    backend = Watched()
    outcomes(backend, photo, [fit(100), fit(400, keep_icc=True)], tmp_path)
    assert backend.loaded == [(100, 67), (400, 267)]


@pytest.mark.parametrize("widest", [1600, 640])
def test_nobody_can_tell__libvips(tmp_path, widest):
    """Against each made straight of the whole photo: a shade or two a pixel, on average."""
    recipes = [fit(each, format="png") for each in (widest // 8, widest // 2, widest)]
    made = render_images(
        SAMPLE,
        "image/jpeg",
        [(each, tmp_path / f"output-{n}") for n, each in enumerate(recipes)],
        backend="vips",
    )
    with Image.open(SAMPLE) as opened:
        whole = opened.convert("RGB")
    for number, outcome in enumerate(made):
        assert isinstance(outcome, Rendered)
        with Image.open(tmp_path / f"output-{number}") as output:
            straight = whole.resize(output.size, Image.Resampling.LANCZOS)
            difference = ImageStat.Stat(ImageChops.difference(output.convert("RGB"), straight))
        assert max(difference.mean) < 2.5
