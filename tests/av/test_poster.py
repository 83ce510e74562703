"""Posters: a frame that shows something, found without a look at the whole film."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from rindle_django.errors import ContentRefused
from rindle_django.profiles import PosterRecipe, preset
from tests.av import clips
from tests.av.making import decoded, made, one_key_frame


@cache
def mostly_black() -> Path:
    """Twenty seconds, of which only the last eight show something."""
    path = clips.folder() / "mostly_black.mp4"
    black = ["-f", "lavfi", "-i", "color=black:size=320x240:rate=10:duration=12"]
    joined = ["-filter_complex", "[0][1]concat=n=2:v=1[v]", "-map", "[v]"]
    clips.ffmpeg(*black, *clips.picture(8, rate=10), *joined, *clips.H264, "-g", 10, into=path)
    return path


def contrast(path: Path) -> float:
    with Image.open(path) as image:
        return float(ImageStat.Stat(image.convert("L")).stddev[0])


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif"])
def test_every_format_that_images_have(tmp_path, form):
    rendered = made(clips.video(), PosterRecipe(format=form), tmp_path / "poster")
    with Image.open(tmp_path / "poster") as image:
        assert image.size == (rendered.width, rendered.height) == (320, 240)
        assert (image.format or "").lower() == form


@pytest.mark.parametrize(
    ("clip", "size"),
    [
        (clips.phone_video, (150, 200)),
        (clips.screen_recording, (200, 151)),
        (clips.anamorphic, (200, 150)),
        (clips.hdr, (200, 150)),
        (clips.hlg, (200, 150)),
        (clips.vfr, (200, 150)),
        (clips.recorded_in_browser, (200, 150)),
    ],
    ids=["portrait", "odd", "anamorphic", "PQ", "HLG", "variable rate", "without a length"],
)
def test_it_keeps_the_shape_that_is_seen(tmp_path, clip, size):
    made(clip(), PosterRecipe(width=200, height=200), tmp_path / "poster.jpg")
    with Image.open(tmp_path / "poster.jpg") as image:
        assert image.size == size
    assert contrast(tmp_path / "poster.jpg") > 30


def test_it_is_not_enlarged(tmp_path):
    assert made(clips.three_gp(), preset("poster"), tmp_path / "p.jpg").width == 176


def test_black_frames_are_passed_over(tmp_path):
    made(mostly_black(), preset("poster"), tmp_path / "poster.jpg")
    assert contrast(tmp_path / "poster.jpg") > 30


def test_all_black_is_still_a_poster(tmp_path):
    source = tmp_path / "night.mp4"
    clips.ffmpeg(
        "-f", "lavfi", "-i", "color=black:size=64x48:rate=10:d=2", *clips.H264, into=source
    )
    made(source, preset("poster"), tmp_path / "poster.jpg")
    assert contrast(tmp_path / "poster.jpg") < 2


def test_a_place_that_was_asked_for_is_taken(tmp_path):
    made(mostly_black(), PosterRecipe(at=0.25), tmp_path / "early.jpg")
    made(mostly_black(), PosterRecipe(at=0.8), tmp_path / "late.jpg")
    assert contrast(tmp_path / "early.jpg") < 2
    assert contrast(tmp_path / "late.jpg") > 30


@pytest.mark.parametrize("at", [0.0, 1.0])
def test_both_ends_have_a_frame(tmp_path, at):
    assert made(clips.video(), PosterRecipe(at=at), tmp_path / "poster.jpg").width == 320


def test_a_single_frame_is_enough(tmp_path):
    source = tmp_path / "still.mp4"
    clips.ffmpeg(*clips.picture(), *clips.H264, "-frames:v", 1, into=source)
    assert made(source, preset("poster"), tmp_path / "poster.jpg").height == 240


def test_a_damaged_film_has_one_too__W3_5(tmp_path):
    assert made(clips.damaged(), preset("poster"), tmp_path / "poster.jpg").width == 320


def test_a_length_that_is_claimed_is_only_a_hint(tmp_path):
    assert made(clips.claims_two_days(), preset("poster"), tmp_path / "poster.jpg").width == 320


def test_sound_alone_has_none(tmp_path):
    with pytest.raises(ContentRefused) as refused:
        made(clips.podcast(), preset("poster"), tmp_path / "poster.jpg")
    assert refused.value.code == "video_missing"


@pytest.mark.parametrize("recipe", [PosterRecipe(), PosterRecipe(at=0.9)], ids=["found", "asked"])
def test_a_film_of_one_key_frame_is_not_decoded_whole__W3_14(tmp_path, monkeypatch, recipe):
    with decoded(monkeypatch) as counts:
        made(one_key_frame(), recipe, tmp_path / "poster.jpg")
    assert counts
    assert max(counts) < 350


def test_a_long_film_costs_no_more_than_a_short_one__W3_14(tmp_path, monkeypatch):
    with decoded(monkeypatch) as counts:
        made(mostly_black(), preset("poster"), tmp_path / "short.jpg")
        short = sum(counts)
        counts.clear()
        made(clips.long_video(), preset("poster"), tmp_path / "long.jpg")
    assert 0 < sum(counts) < 5 * max(short, 200)
    assert max(counts) < 350


def test_the_place_where_it_was_taken_is_left_out__S9(tmp_path):
    for form in ("jpeg", "png", "webp"):
        made(clips.phone_video(), PosterRecipe(format=form), tmp_path / form)
        content = (tmp_path / form).read_bytes()
        assert not [word for word in (b"48.8577", b"Apple", b"Exif") if word in content]


def test_progress_only_rises_to_the_end(tmp_path):
    told: list[int] = []
    made(clips.video(), preset("poster"), tmp_path / "poster.jpg", told.append)
    assert told == sorted(set(told))
    assert told[-1] == 100
