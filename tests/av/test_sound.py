"""Sound alone: formats, channels, rates and loudness."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path

import imageio_ffmpeg
import pytest

from rindle_django.errors import ContentRefused
from rindle_django.media.av.sound import measures
from rindle_django.profiles import AudioRecipe, preset
from tests.av import clips
from tests.av.making import made, tracks


@cache
def speech() -> Path:
    """Quiet, and of changing level, as speech is: twelve seconds."""
    path = clips.folder() / "speech.flac"
    noise = "anoisesrc=d=12:a=0.05:c=pink:seed=3:r=48000,tremolo=f=0.4:d=0.6"
    clips.ffmpeg("-f", "lavfi", "-i", noise, "-ac", 2, into=path)
    return path


@cache
def hushed() -> Path:
    path = clips.folder() / "hushed.flac"
    clips.ffmpeg("-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo:d=12", into=path)
    return path


def loudness(path: Path) -> float:
    """Integrated loudness in LUFS, as FFmpeg's ebur128 measures it."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-i", str(path)]
    done = subprocess.run(
        [*command, "-af", "ebur128=framelog=quiet", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(re.findall(r"I:\s+(-?[\d.]+) LUFS", done.stderr)[-1])


@pytest.mark.parametrize(
    ("form", "container", "codec"),
    [("m4a", "MPEG-4", "AAC"), ("mp3", "MPEG Audio", "MPEG Audio"), ("opus", "Ogg", "Opus")],
)
def test_every_format_is_what_it_says(tmp_path, form, container, codec):
    target = tmp_path / "sound"
    rendered = made(clips.video(), AudioRecipe(format=form), target)
    (general,), (audio,) = tracks(target), tracks(target, "Audio")
    assert (general["format"], audio["format"]) == (container, codec)
    assert not tracks(target, "Video")
    assert abs(int(float(audio["duration"])) - 2000) <= 60
    assert rendered.duration_ms is not None
    assert abs(rendered.duration_ms - 2000) <= 60
    assert rendered.details["codecs"] in ("mp4a.40.2", "mp3", "opus")
    assert rendered.details["bit_rate"] > 50_000


def test_an_m4a_plays_before_all_of_it_is_there(tmp_path):
    made(clips.video(), preset("m4a_128k"), tmp_path / "sound.m4a")
    content = (tmp_path / "sound.m4a").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("form", ["m4a", "mp3", "opus"])
def test_a_cover_picture_is_left_out__W3_10(tmp_path, form):
    made(clips.podcast(), AudioRecipe(format=form), tmp_path / "sound")
    assert not tracks(tmp_path / "sound", "Video")
    assert tracks(tmp_path / "sound")[0].get("cover") is None
    assert b"\xff\xd8\xff\xe0" not in (tmp_path / "sound").read_bytes()


def test_titles_and_places_are_left_out__W3_3_S9(tmp_path):
    target = tmp_path / "sound.m4a"
    for clip in (clips.phone_video(), clips.located_video(), clips.podcast()):
        made(clip, AudioRecipe(), target)
        content = target.read_bytes()
        for secret in (b"48.8577", b"Apple", b"garden", b"Episode"):
            assert secret not in content, (clip.name, secret)
        target.unlink()


@pytest.mark.parametrize(
    ("clip", "channels", "expected"),
    [
        (clips.phone_video, None, 1),
        (clips.phone_video, 2, 1),
        (clips.video, None, 2),
        (clips.video, 1, 1),
        (clips.mkv, None, 2),
    ],
    ids=["mono", "mono is not doubled", "stereo", "made mono", "5.1 becomes stereo"],
)
def test_channels(tmp_path, clip, channels, expected):
    made(clip(), AudioRecipe(channels=channels), tmp_path / "sound.m4a")
    assert tracks(tmp_path / "sound.m4a", "Audio")[0]["channel_s"] == expected


@pytest.mark.parametrize(("rate", "expected"), [(44_100, 44_100), (96_000, 48_000), (8000, 48_000)])
@pytest.mark.parametrize("passes", [1, 2])
def test_rates_are_those_that_everything_plays(tmp_path, rate, expected, passes):
    source = tmp_path / "source.flac"
    clips.ffmpeg("-f", "lavfi", "-i", f"sine=d=1:sample_rate={rate}", into=source)
    made(source, AudioRecipe(loudness=-16, passes=passes), tmp_path / "sound.m4a")
    assert tracks(tmp_path / "sound.m4a", "Audio")[0]["sampling_rate"] == expected


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("wanted", [-16.0, -23.0])
def test_loudness_is_reached(tmp_path, passes, wanted):
    recipe = AudioRecipe(loudness=wanted, passes=passes)
    before = loudness(speech())
    assert abs(before - wanted) > 5
    made(speech(), recipe, tmp_path / "sound.m4a")
    assert abs(loudness(tmp_path / "sound.m4a") - wanted) <= 1.0


def test_two_passes_change_the_level_alone(tmp_path):
    """What is twelve decibels quieter before is so afterwards: no dynamics are lost."""
    source = tmp_path / "source.flac"
    halves = "volume=if(lt(t\\,6)\\,1\\,0.25):eval=frame"
    clips.ffmpeg("-i", speech(), "-af", halves, into=source)
    made(source, AudioRecipe(loudness=-23, passes=2), tmp_path / "sound.m4a")

    def between_halves(path: Path) -> float:
        pieces = [tmp_path / "first.wav", tmp_path / "second.wav"]
        for start, piece in zip((0.5, 6.5), pieces, strict=True):
            clips.ffmpeg("-ss", start, "-t", 5, "-i", path, into=piece)
        first, second = map(loudness, pieces)
        return first - second

    assert between_halves(source) == pytest.approx(12, abs=1)
    assert between_halves(tmp_path / "sound.m4a") == pytest.approx(between_halves(source), abs=0.5)


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("clip", [hushed, clips.silent_audio], ids=["long", "short"])
def test_silence_stays_silence(tmp_path, passes, clip):
    """Its loudness is no number, so nothing can be reached."""
    rendered = made(clip(), AudioRecipe(loudness=-16, passes=passes), tmp_path / "sound.m4a")
    assert rendered.duration_ms is not None
    assert abs(loudness(tmp_path / "sound.m4a")) >= 69


def told_of(**changes: str | None) -> str:
    """What loudnorm says in the end, with ``changes``."""
    usual = {"input_i": "-20", "input_tp": "-3", "input_lra": "1", "input_thresh": "-30"}
    return json.dumps({**usual, "target_offset": "0", **changes})


def test_what_was_measured_is_read():
    assert measures(told_of()) == {
        "measured_I": -20,
        "measured_TP": -3,
        "measured_LRA": 1,
        "measured_thresh": -30,
        "offset": 0,
    }


def test_noise_is_not_too_loud_to_be_told_of():
    found = measures(told_of(input_i="3.2", input_lra="120", target_offset="-250"))
    assert found is not None
    assert (found["measured_I"], found["measured_LRA"], found["offset"]) == (0, 99, -99)


def test_noise_becomes_as_loud_as_everything_else(tmp_path):
    source = tmp_path / "noise.wav"
    noise = "anoisesrc=d=4:a=1:c=white:r=48000,volume=30dB"
    clips.ffmpeg("-f", "lavfi", "-i", noise, "-ac", 2, into=source)
    assert loudness(source) > 0
    made(source, AudioRecipe(loudness=-16, passes=2), tmp_path / "sound.m4a")
    assert abs(loudness(tmp_path / "sound.m4a") + 16) <= 2  # of white noise, AAC keeps less


@pytest.mark.parametrize(
    "told",
    [
        "",
        "{}",
        "no { json } here",
        told_of(input_i="-inf", input_tp="-inf", target_offset="inf"),
        told_of(input_tp="nan"),
        told_of(input_i=None),
        told_of(input_i="-70.00"),
    ],
)
def test_what_was_not_measured_is_not_believed(told):
    assert measures(told) is None


def test_what_was_measured_is_read_behind_other_words():
    told = (
        '[info] {x}\n[Parsed_loudnorm_0 @ 0x1] [info] \n{\n"input_i" : "-31.17",\n'
        '"input_tp" : "-24.36",\n"input_lra" : "2.90",\n"input_thresh" : "-42.29",\n'
        '"target_offset" : "-0.36"\n}\n[out#0/null @ 0x2] [info] audio:6000KiB'
    )
    found = measures(told)
    assert found is not None
    assert (found["measured_I"], found["offset"]) == (-31.17, -0.36)


def test_a_silent_video_has_no_sound_to_give__W3_6(tmp_path):
    with pytest.raises(ContentRefused) as refused:
        made(clips.screen_recording(), AudioRecipe(), tmp_path / "sound.m4a")
    assert refused.value.code == "audio_missing"
    assert not (tmp_path / "sound.m4a").exists()


def test_sound_that_ends_before_the_pictures_is_whole(tmp_path):
    source = tmp_path / "source.mp4"
    clips.ffmpeg(*clips.picture(3), *clips.sound(1), *clips.H264, *clips.AAC, into=source)
    rendered = made(source, AudioRecipe(), tmp_path / "sound.m4a")
    assert rendered.duration_ms is not None
    assert abs(rendered.duration_ms - 1000) <= 60


def test_holes_in_the_sound_become_silence(tmp_path):
    rendered = made(clips.damaged(), AudioRecipe(), tmp_path / "sound.m4a")
    assert rendered.duration_ms is not None
    assert rendered.duration_ms >= 1700


@pytest.mark.parametrize("passes", [1, 2])
def test_progress_only_rises_to_the_end(tmp_path, passes):
    told: list[int] = []
    recipe = AudioRecipe(loudness=-16, passes=passes)
    made(speech(), recipe, tmp_path / "sound.m4a", told.append)
    assert told == sorted(set(told))
    assert told[-1] == 100
