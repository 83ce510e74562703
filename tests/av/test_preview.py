"""Previews: a few moments, moving, without sound."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageSequence, ImageStat, WebPImagePlugin

from rindle_django.media.av.preview import MOST_PIXELS
from rindle_django.profiles import PreviewRecipe, preset
from tests.av import clips
from tests.av.making import decoded, made, one_key_frame
from tests.av.test_storyboard import changing


def opened(path: Path) -> WebPImagePlugin.WebPImageFile:
    image = Image.open(path)
    assert isinstance(image, WebPImagePlugin.WebPImageFile)
    return image


def length(path: Path) -> int:
    """Milliseconds of all frames."""
    total = 0
    with opened(path) as image:
        for frame in ImageSequence.Iterator(image):
            frame.load()  # which is when Pillow learns of it
            total += int(frame.info["duration"])
    return total


def test_it_moves_for_ever(tmp_path):
    rendered = made(clips.video(), preset("preview"), tmp_path / "preview.webp")
    with opened(tmp_path / "preview.webp") as image:
        assert image.is_animated
        assert image.n_frames == rendered.pages
        assert image.info["loop"] == 0
        assert image.size == (rendered.width, rendered.height) == (320, 240)
        frames = [frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(image)]
    assert len(set(frames)) == len(frames) > 10


def test_moments_come_from_all_over_the_video(tmp_path):
    recipe = PreviewRecipe(seconds=3, moments=3, frame_rate=4, width=64)
    made(changing(), recipe, tmp_path / "preview.webp")
    shown = []
    with opened(tmp_path / "preview.webp") as image:
        for frame in ImageSequence.Iterator(image):
            mean = ImageStat.Stat(frame.convert("RGB")).mean
            shown.append(("red", "green", "blue")[mean.index(max(mean))])
    assert [each for n, each in enumerate(shown) if n == 0 or shown[n - 1] != each] == [
        *("red", "green", "blue")
    ]


@pytest.mark.parametrize("recipe", [PreviewRecipe(), PreviewRecipe(seconds=1.5, moments=5)])
def test_it_is_as_long_as_asked_for(tmp_path, recipe):
    rendered = made(changing(), recipe, tmp_path / "preview.webp")
    wanted = recipe.seconds * 1000
    assert rendered.duration_ms == pytest.approx(wanted, abs=100)
    assert length(tmp_path / "preview.webp") == pytest.approx(wanted, abs=100)


def test_a_short_video_is_shown_whole(tmp_path):
    made(clips.video(), PreviewRecipe(seconds=10), tmp_path / "preview.webp")
    assert length(tmp_path / "preview.webp") == pytest.approx(2000, abs=100)


def test_a_single_frame_is_enough(tmp_path):
    source = tmp_path / "still.mp4"
    clips.ffmpeg(*clips.picture(), *clips.H264, "-frames:v", 1, into=source)
    assert made(source, preset("preview"), tmp_path / "preview.webp").width == 320


@pytest.mark.parametrize(
    ("clip", "size"),
    [
        (clips.phone_video, (96, 128)),
        (clips.screen_recording, (96, 73)),
        (clips.hlg, (96, 72)),
        (clips.vfr, (96, 72)),
        (clips.recorded_in_browser, (96, 72)),
        (clips.damaged, (96, 72)),
    ],
    ids=["portrait", "odd", "HDR", "variable rate", "without a length", "damaged"],
)
def test_it_keeps_the_shape_that_is_seen(tmp_path, clip, size):
    made(clip(), PreviewRecipe(width=96), tmp_path / "preview.webp")
    with opened(tmp_path / "preview.webp") as image:
        assert image.size == size


def test_it_is_not_enlarged_and_small(tmp_path):
    rendered = made(clips.three_gp(), preset("preview"), tmp_path / "preview.webp")
    assert rendered.width == 176
    assert rendered.byte_size < 200_000


def test_its_memory_is_bounded(tmp_path):
    source = tmp_path / "wide.mp4"
    clips.ffmpeg(*clips.picture(1, "1280x720", 30), *clips.H264, into=source)
    recipe = PreviewRecipe(width=1280, seconds=20, frame_rate=30)
    rendered = made(source, recipe, tmp_path / "preview.webp")
    assert rendered.width is not None
    assert rendered.height is not None
    assert rendered.width * rendered.height * 600 <= MOST_PIXELS * 1.01
    assert rendered.width / rendered.height == pytest.approx(16 / 9, rel=0.02)


def test_a_film_of_one_key_frame_is_not_decoded_whole__W3_14(tmp_path, monkeypatch):
    with decoded(monkeypatch) as counts:
        made(one_key_frame(), preset("preview"), tmp_path / "preview.webp")
    assert len(counts) == 4
    assert max(counts) < 400


def test_nothing_is_told_of_where_it_was_taken__S9(tmp_path):
    made(clips.phone_video(), preset("preview"), tmp_path / "preview.webp")
    content = (tmp_path / "preview.webp").read_bytes()
    assert not [word for word in (b"48.8577", b"Apple", b"EXIF", b"XMP") if word in content]


def test_progress_only_rises_to_the_end(tmp_path):
    told: list[int] = []
    made(changing(), preset("preview"), tmp_path / "preview.webp", told.append)
    assert told == sorted(set(told))
    assert told[-1] == 100
