"""Videos that browsers play: their size, shape, sound and colours, and what they no longer tell."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rindle_django.errors import ContentRefused
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.make import make
from rindle_django.media.av.probe import probe_media
from rindle_django.media.rendering import Rendered
from rindle_django.media.types import MEDIA_TYPES
from rindle_django.profiles.recipes import VideoRecipe
from tests.av import clips
from tests.av.judge import Judged, judge

QUICK: dict[str, Any] = {"effort": "fast"}
_TYPES = {
    extension: each.mime
    for each in MEDIA_TYPES.values()
    if each.kind in ("audio", "video")
    for extension in each.extensions
} | {".mp4": "video/mp4", ".mov": "video/quicktime"}


@cache
def facts_of(path: Path) -> MediaFacts:
    return probe_media(path, _TYPES[path.suffix])


@pytest.fixture
def made(tmp_path):
    """Make a video of a clip, and have it judged."""

    def make_one(clip: Path, **changes: Any) -> tuple[Rendered, Judged]:
        recipe = VideoRecipe(**QUICK | changes)
        target = tmp_path / f"target{'.mp4' if recipe.codec == 'h264' else '.webm'}"
        rendered = make(clip, _TYPES[clip.suffix], facts_of(clip), recipe, target)
        assert [each.name for each in tmp_path.glob("target*")] == [target.name]
        assert (rendered.byte_size, rendered.parts) == (target.stat().st_size, ())
        return rendered, judge(target)

    return make_one


# --- its size and shape ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clip", "resolution", "size"),
    [
        ("video", 144, (192, 144)),
        ("video", 180, (240, 180)),
        ("video", 720, (320, 240)),
        ("phone_video", 144, (144, 192)),
        ("phone_video", 720, (240, 320)),
        ("screen_recording", 720, (318, 240)),
        ("screen_recording", 183, (240, 182)),
        ("anamorphic", 720, (320, 240)),
        ("long_video", 144, (64, 48)),
    ],
)
def test_the_shorter_side_is_limited_and_nothing_is_enlarged__W3_14(made, clip, resolution, size):
    rendered, judged = made(getattr(clips, clip)(), resolution=resolution)
    assert (rendered.width, rendered.height) == judged.size == size
    assert float(judged.video["pixel_aspect_ratio"]) == pytest.approx(1, abs=0.01)
    assert float(judged.video["rotation"]) == 0


def test_nothing_is_cut_off_or_put_around__W3_14(made, tmp_path):
    """The four corners keep their colours, upright."""
    source = tmp_path / "corners.mp4"
    corners = "color=red:160x120:d=1[a];color=lime:160x120:d=1[b];color=blue:160x120:d=1[c];"
    corners += "color=white:160x120:d=1[d];[a][b][c][d]xstack=4:layout=0_0|w0_0|0_h0|w0_h0"
    clips.ffmpeg("-filter_complex", corners, *clips.H264, into=source)
    rendered, _ = made(source, resolution=144)
    shown = clips.folder() / "corners.png"
    clips.ffmpeg("-i", tmp_path / "target.mp4", "-frames:v", 1, into=shown)
    from PIL import Image

    with Image.open(shown) as image:
        width, height = image.size
        places = [(3, 3), (width - 4, 3), (3, height - 4), (width - 4, height - 4)]
        seen = [image.convert("RGB").getpixel(place) for place in places]
    assert (rendered.width, rendered.height) == (width, height) == (192, 144)
    for colour, expected in zip(
        seen, [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)], strict=True
    ):
        assert isinstance(colour, tuple)
        assert all(abs(a - b) < 40 for a, b in zip(colour, expected, strict=True)), seen


# --- what it is made of ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "content_type", "video", "audio", "codecs"),
    [
        ("h264", "video/mp4", "AVC", "AAC", "avc1.64"),
        ("vp9", "video/webm", "VP9", "Opus", "vp09.00.10.08,opus"),
        ("av1", "video/webm", "AV1", "Opus", "av01.0.00M.08,opus"),
    ],
)
def test_codecs_and_container_are_those_of_the_recipe(
    made, codec, content_type, video, audio, codecs
):
    rendered, judged = made(clips.video(), codec=codec, resolution=144)
    assert rendered.content_type == judged.general["internet_media_type"] == content_type
    assert (judged.video["format"], judged.sound["format"]) == (video, audio)
    assert rendered.details["codecs"].startswith(codecs)
    assert rendered.duration_ms == pytest.approx(2000, abs=50)
    assert float(judged.general["duration"]) == pytest.approx(2000, abs=50)


def test_h264_says_its_profile_and_level_and_plays_everywhere(made):
    rendered, judged = made(clips.video())
    profile, level = judged.video["format_profile"].split("@L")
    assert profile == "High"
    assert rendered.details["codecs"] == f"avc1.6400{int(float(level) * 10):02x},mp4a.40.2"
    assert judged.video["chroma_subsampling"] == "4:2:0"
    assert judged.video["bit_depth"] == 8
    assert judged.sound["format_additionalfeatures"] == "LC"
    assert judged.general["isstreamable"] == "Yes"
    assert rendered.details["frame_rate"] == 25
    assert rendered.details["bit_rate"] == pytest.approx(
        judged.general["overall_bit_rate"], rel=0.02
    )


def test_it_is_as_good_as_was_asked_for(made):
    sizes = [made(clips.video(), crf=crf)[0].byte_size for crf in (15, 25, 40)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.5 * sizes[2]


@pytest.mark.parametrize("codec", ["h264", "vp9", "av1"])
def test_the_bit_rate_may_be_limited(made, codec):
    free, _ = made(clips.video(), codec=codec, crf=5, audio=False)
    bound, _ = made(clips.video(), codec=codec, crf=5, audio=False, max_bitrate=100)
    assert bound.byte_size < 0.6 * free.byte_size


def test_a_player_can_jump_every_four_seconds(made, tmp_path):
    source = tmp_path / "still.mp4"
    clips.ffmpeg("-f", "lavfi", "-i", "color=red:64x48:r=10:d=9", *clips.H264, into=source)
    _, judged = made(source)
    assert "keyint=40 " in judged.video["encoding_settings"]


# --- its sound -------------------------------------------------------------------------------


def test_silent_video_becomes_ready__W3_6(made):
    rendered, judged = made(clips.screen_recording())
    assert judged.sounds == []
    assert "," not in rendered.details["codecs"]


def test_sound_in_which_nothing_is_heard_is_sound__W3_6(made):
    _, judged = made(clips.silent_audio())
    assert len(judged.sounds) == 1


def test_sound_is_left_out_where_the_recipe_says_so(made):
    _, judged = made(clips.video(), audio=False)
    assert judged.sounds == []


@pytest.mark.parametrize(("clip", "channels"), [("mkv", 2), ("video", 2), ("phone_video", 1)])
def test_more_channels_than_two_become_two(made, clip, channels):
    _, judged = made(getattr(clips, clip)())
    assert judged.sound["channel_s"] == channels


def test_sound_that_begins_later_stays_in_step(made, tmp_path):
    """Half a second of the picture goes by before it is heard."""
    source = tmp_path / "late.mp4"
    late = ["-itsoffset", 0.5, *clips.sound(1.5)]
    clips.ffmpeg(*clips.picture(2), *late, *clips.H264, *clips.AAC, into=source)
    made(source)
    found = clips.folder() / "silence.txt"
    detect = f"silencedetect=n=-40dB:d=0.2,ametadata=mode=print:file={found}"
    clips.ffmpeg("-i", tmp_path / "target.mp4", "-af", detect, "-f", "null", into=Path("-"))
    ends = [line for line in found.read_text().splitlines() if "silence_end" in line]
    assert float(ends[0].partition("=")[2]) == pytest.approx(0.5, abs=0.06)


# --- its pace and colours --------------------------------------------------------------------


def test_uneven_frames_are_evened_out(made):
    assert facts_of(clips.vfr()).variable_frame_rate
    _, judged = made(clips.vfr())
    assert judged.video["frame_rate_mode"] == "CFR"
    assert float(judged.video["frame_rate"]) == 30
    assert float(judged.general["duration"]) == pytest.approx(1900, abs=50)


def test_frames_are_left_out_above_the_limit(made):
    rendered, judged = made(clips.video(), max_frame_rate=10)
    assert float(judged.video["frame_rate"]) == rendered.details["frame_rate"] == 10
    assert judged.video["frame_count"] in ("20", "21")


def test_frames_are_not_made_up_below_the_limit(made):
    _, judged = made(clips.hlg(), max_frame_rate=60)
    assert judged.video["frame_count"] == "10"


def test_interlaced_frames_are_made_whole(made, tmp_path):
    source = tmp_path / "interlaced.mp4"
    woven = ["-vf", "tinterlace=interleave_top,setfield=tff", *clips.H264[:2]]
    fields = ["-flags", "+ildct+ilme", "-x264opts", "tff=1", "-pix_fmt", "yuv420p"]
    clips.ffmpeg(*clips.picture(2, rate=50), *woven, *fields, into=source)
    _, judged = made(source)
    assert (judged.video["scan_type"], judged.video["frame_count"]) == ("Progressive", "50")
    assert fields_seen(source) > 40
    assert fields_seen(tmp_path / "target.mp4") < 10


def fields_seen(path: Path) -> int:
    """In how many frames FFmpeg sees the lines of two moments."""
    found = clips.folder() / "fields.txt"
    shown = f"idet,metadata=mode=print:file={found}"
    clips.ffmpeg("-i", path, "-vf", shown, "-f", "null", into=Path("-"))
    kinds = [each for each in found.read_text().splitlines() if "multiple.current_frame" in each]
    return sum(not each.endswith("progressive") for each in kinds)


@pytest.mark.parametrize("clip", ["hdr", "hlg"])
def test_high_dynamic_range_becomes_what_a_usual_screen_shows(made, clip):
    _, judged = made(getattr(clips, clip)())
    assert judged.video["bit_depth"] == 8
    colours = ("color_primaries", "transfer_characteristics", "matrix_coefficients")
    assert [judged.video[each] for each in colours] == ["BT.709"] * 3
    assert judged.video["color_range"] == "Limited"
    assert "hdr_format" not in judged.video


# --- what it no longer tells -----------------------------------------------------------------


@pytest.mark.parametrize("clip", ["phone_video", "located_video"])
@pytest.mark.parametrize("codec", ["h264", "vp9"])
def test_it_does_not_say_where_or_with_what_it_was_taken__W3_3_S9(made, tmp_path, clip, codec):
    source = getattr(clips, clip)()
    told = [clips.WHERE.encode(), b"48.8577", b"Our garden", b"Apple", b"ISO6709", b"chapter"]
    assert [each for each in told if each in source.read_bytes()]
    _, judged = made(source, codec=codec)
    written = next(tmp_path.glob("target*")).read_bytes()
    assert not [each for each in told if each in written]
    assert judged.others == []  # chapters, time codes


@pytest.mark.parametrize("clip", ["with_data_track", "with_subtitles"])
def test_other_tracks_are_left_behind(made, clip):
    _, judged = made(getattr(clips, clip)())
    assert judged.others == []
    assert (len(judged.videos), len(judged.sounds)) == (1, 1)


def test_a_cover_picture_is_not_taken_for_the_video__W3_10(made, tmp_path):
    source = tmp_path / "covered.mp4"
    tracks = ["-i", clips.cover(), "-i", clips.screen_recording(), "-map", 0, "-map", 1]
    clips.ffmpeg(*tracks, "-c", "copy", "-disposition:v:0", "attached_pic", into=source)
    _, judged = made(source)
    assert judged.size == (318, 240)


def test_a_sound_file_with_a_cover_is_no_video__W3_10(tmp_path):
    facts = probe_media(clips.podcast(), "audio/mpeg")
    with pytest.raises(ContentRefused) as refused:
        make(clips.podcast(), "audio/mpeg", facts, VideoRecipe(), tmp_path / "target")
    assert refused.value.code == "video_missing"


# --- what comes in ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "clip", ["webm", "recorded_in_browser", "mkv", "mov", "avi", "three_gp", "ogv", "fragmented"]
)
def test_videos_of_all_containers_become_one(made, clip):
    rendered, judged = made(getattr(clips, clip)())
    assert judged.general["format"] == "MPEG-4"
    assert (len(judged.videos), len(judged.sounds)) == (1, 1)
    assert rendered.duration_ms


def test_a_damaged_video_that_plays_becomes_one__W3_5(made):
    rendered, _ = made(clips.damaged())
    assert rendered.duration_ms == pytest.approx(2000, abs=250)
