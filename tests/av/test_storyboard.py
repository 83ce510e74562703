"""Storyboards: small frames of the whole length, and a map that leaves no gap."""

from __future__ import annotations

import itertools
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from PIL import Image, ImageStat

from rindle_django.errors import RindleError
from rindle_django.media.av.bounds import Bounds
from rindle_django.media.av.frames import Film, Size
from rindle_django.media.av.probe import probe_media
from rindle_django.media.av.storyboard import MOST_PIXELS, Layout, lay_out
from rindle_django.media.av.work import Work
from rindle_django.media.rendering import Rendered
from rindle_django.profiles import StoryboardRecipe, preset
from tests.av import clips
from tests.av.making import decoded, made, one_key_frame

CUE = re.compile(r"^(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$", re.MULTILINE)
Cue = tuple[float, float, str, tuple[int, ...]]


@cache
def changing() -> Path:
    """Twelve seconds: four each of red, green and blue."""
    path = clips.folder() / "changing.mp4"
    colours = [
        word
        for colour in ("red", "lime", "blue")
        for word in ("-f", "lavfi", "-i", f"color={colour}:size=320x180:rate=10:duration=4")
    ]
    joined = ["-filter_complex", "[0][1][2]concat=n=3:v=1[v]", "-map", "[v]"]
    clips.ffmpeg(*colours, *joined, *clips.H264, into=path)
    return path


def seconds(time: str) -> float:
    hours, minutes, rest = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def cues(target: Path) -> list[Cue]:
    text = target.read_text(encoding="utf-8")
    assert text.startswith("WEBVTT\n\n")
    found = CUE.findall(text)
    assert len(found) == text.count("-->")
    return [
        (seconds(begin), seconds(end), name, tuple(map(int, box)))
        for begin, end, name, *box in found
    ]


def sheet(rendered: Rendered) -> Image.Image:
    (part,) = rendered.parts
    image = Image.open(part.path)
    assert Image.MIME[image.format or ""] == part.content_type
    image.load()
    return image


def colour(image: Image.Image, box: tuple[int, ...]) -> str:
    left, top, width, height = box
    mean = ImageStat.Stat(image.crop((left, top, left + width, top + height))).mean
    return ("red", "green", "blue")[mean.index(max(mean))]


@pytest.mark.parametrize("form", ["jpeg", "webp"])
def test_tiles_show_the_whole_length__W3_14(tmp_path, form):
    rendered = made(changing(), StoryboardRecipe(format=form, columns=3), tmp_path / "map.vtt")
    found, image = cues(tmp_path / "map.vtt"), sheet(rendered)
    assert [colour(image, box) for *_, box in found] == [
        *("red", "red", "green", "green", "blue", "blue")
    ]
    assert rendered.details == {
        "tiles": 6,
        "columns": 3,
        "tile_width": 160,
        "tile_height": 90,
        "interval": 2.0,
    }
    assert image.size == (rendered.width, rendered.height) == (480, 180)


def test_cues_leave_no_gap_and_end_with_the_video(tmp_path):
    rendered = made(changing(), StoryboardRecipe(tiles=5, interval=0.7), tmp_path / "map.vtt")
    found, (part,) = cues(tmp_path / "map.vtt"), rendered.parts
    assert found[0][0] == 0
    assert found[-1][1] == 12
    assert all(one[1] == other[0] for one, other in itertools.pairwise(found))
    assert {name for _, _, name, _ in found} == {part.path.name}
    assert part.path.name == f"{part.id}.jpg"


def test_a_long_video_has_no_more_tiles_than_asked_for(tmp_path, monkeypatch):
    with decoded(monkeypatch) as counts:
        rendered = made(
            clips.long_video(), StoryboardRecipe(tiles=8, columns=4), tmp_path / "m.vtt"
        )
    found = cues(tmp_path / "m.vtt")
    assert len(found) == len(counts) == 8
    assert found[-1][1] == 600
    assert rendered.details["interval"] == 75
    assert max(counts) < 350


def test_a_film_of_one_key_frame_costs_no_more__W3_14(tmp_path, monkeypatch):
    with decoded(monkeypatch) as counts:
        made(one_key_frame(), StoryboardRecipe(tiles=6), tmp_path / "map.vtt")
    assert len(counts) == 6
    assert max(counts) < 350


@pytest.mark.parametrize("frames", [1, 3])
def test_a_very_short_video_has_one_tile(tmp_path, frames):
    source = tmp_path / "short.mp4"
    clips.ffmpeg(*clips.picture(), *clips.H264, "-frames:v", frames, into=source)
    rendered = made(source, preset("storyboard"), tmp_path / "map.vtt")
    ((begin, end, _, box),) = cues(tmp_path / "map.vtt")
    assert begin == 0
    assert end > 0
    assert box == (0, 0, 160, 120)
    assert sheet(rendered).size == (160, 120)


@pytest.mark.parametrize(
    ("clip", "tile"),
    [
        (clips.phone_video, (160, 213)),
        (clips.screen_recording, (160, 121)),
        (clips.anamorphic, (160, 120)),
        (clips.hdr, (160, 120)),
        (clips.vfr, (160, 120)),
        (clips.recorded_in_browser, (160, 120)),
        (clips.damaged, (160, 120)),
    ],
    ids=["portrait", "odd", "anamorphic", "HDR", "variable rate", "without a length", "damaged"],
)
def test_tiles_keep_the_shape_that_is_seen__W3_14(tmp_path, clip, tile):
    rendered = made(clip(), StoryboardRecipe(interval=0.5), tmp_path / "map.vtt")
    assert all(box[2:] == tile for *_, box in cues(tmp_path / "map.vtt"))
    image = sheet(rendered)
    assert max(ImageStat.Stat(image.convert("L")).stddev) > 5


def test_what_is_claimed_beyond_the_end_shows_the_last_frame(tmp_path):
    source = tmp_path / "longer_sound.mp4"
    clips.ffmpeg(*clips.picture(1), *clips.sound(4), *clips.H264, *clips.AAC, into=source)
    rendered = made(source, StoryboardRecipe(interval=1), tmp_path / "map.vtt")
    found, image = cues(tmp_path / "map.vtt"), sheet(rendered)
    assert len(found) == 4
    left, top, width, height = found[-1][3]
    last = image.crop((left, top, left + width, top + height))
    assert max(ImageStat.Stat(last.convert("L")).stddev) > 20


def test_nothing_is_told_of_where_it_was_taken__S9(tmp_path):
    rendered = made(clips.phone_video(), preset("storyboard"), tmp_path / "map.vtt")
    for path in (tmp_path / "map.vtt", rendered.parts[0].path):
        content = path.read_bytes()
        assert not [word for word in (b"48.8577", b"Apple", b"Exif") if word in content]


def test_progress_only_rises_to_the_end(tmp_path):
    told: list[int] = []
    made(changing(), StoryboardRecipe(tiles=5), tmp_path / "map.vtt", told.append)
    assert told == [20, 40, 60, 80, 100]


@pytest.mark.parametrize(
    ("share", "code"), [(0.5, "transcode_timeout"), (0.0, "transcoder_stopped")]
)
def test_all_frames_together_have_the_time_of_one_output__U19(tmp_path, share, code):
    """The file is blamed only if it was worked on for that long."""
    work = Work(
        source=clips.video(),
        mime="video/mp4",
        facts=probe_media(clips.video(), "video/mp4"),
        target=tmp_path / "map.vtt",
        bounds=Bounds.for_duration(2000),
        on_progress=lambda _percent: None,
    )
    film = Film(work)
    assert film.frames(0, (32, 24))
    film._begun -= work.bounds.wall_seconds
    work.spent[:] = [share * work.bounds.wall_seconds]
    with pytest.raises(RindleError) as refused:
        film.frames(0, (32, 24))
    assert refused.value.code == code


recipes = st.builds(
    StoryboardRecipe,
    tiles=st.integers(1, 400),
    interval=st.floats(0.1, 3600),
    tile_width=st.integers(32, 640),
    columns=st.integers(1, 40),
    format=st.sampled_from(["jpeg", "webp"]),
)
sizes = st.tuples(st.integers(2, 8192), st.integers(2, 8192))


@given(st.floats(0, 200_000), sizes, recipes)
def test_every_layout_is_a_sheet_that_can_be_written(
    length: float, size: Size, recipe: StoryboardRecipe
):
    layout: Layout = lay_out(length, size, recipe)
    width, height = layout.sheet
    assert 1 <= layout.tiles <= recipe.tiles
    assert layout.columns <= layout.tiles
    assert max(width, height) <= (65_500 if recipe.format == "jpeg" else 16_383)
    assert width * height <= MOST_PIXELS
    assert layout.tile[0] <= size[0]
    corners = [layout.corner(number) for number in range(layout.tiles)]
    assert len(set(corners)) == layout.tiles
    assert all(x < width and y < height for x, y in corners)
