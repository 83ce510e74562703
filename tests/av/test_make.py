"""What holds for all that is made: its course, what is left when it fails, whose fault that is."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rindle_django.errors import ContentRefused, Misconfigured, TransientFailure
from rindle_django.interruption import Interrupted, interrupted_when
from rindle_django.media.av import capabilities
from rindle_django.media.av.bounds import Bounds
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.ffmpeg import find_ffmpeg, run
from rindle_django.media.av.make import make
from rindle_django.media.av.outputs import check_duration
from rindle_django.media.av.probe import probe_media
from rindle_django.profiles.recipes import AudioRecipe, VideoRecipe
from tests.av import clips
from tests.av.guests import Elsewhere, guests, the_guest, transcode
from tests.media.decoders import wait_until

QUICK = VideoRecipe(effort="fast")
# Seconds of work.
LONG = VideoRecipe(codec="vp9", effort="slow", crf=5)


def facts_of(clip: Path, mime: str = "video/mp4") -> MediaFacts:
    return probe_media(clip, mime)


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    return folder / "target"


def left(target: Path) -> list[str]:
    return [each.name for each in target.parent.iterdir()]


# --- its course ------------------------------------------------------------------------------


def test_percents_are_whole_and_only_grow(target):
    heard: list[int] = []
    clip = clips.long_video()
    make(clip, "video/mp4", facts_of(clip), LONG, target, on_progress=heard.append)
    assert heard == sorted(set(heard))
    assert heard[-1] == 100
    assert len(heard) >= 2  # how often FFmpeg tells of it is its own business
    assert all(isinstance(each, int) and 0 <= each <= 100 for each in heard)


def test_there_are_no_percents_of_an_unknown_length(target):
    heard: list[int] = []
    facts = replace(facts_of(clips.video()), duration_ms=None)
    rendered = make(clips.video(), "video/mp4", facts, QUICK, target, on_progress=heard.append)
    assert heard == [100]
    assert rendered.duration_ms == pytest.approx(2000, abs=50)


def test_it_is_told_what_processor_time_was_used(target):
    rendered = make(clips.video(), "video/mp4", facts_of(clips.video()), QUICK, target)
    assert rendered.cpu_seconds is not None
    assert 0.01 < rendered.cpu_seconds < 20


# --- what is left when it fails --------------------------------------------------------------


def test_work_that_becomes_unwanted_leaves_nothing__W3_8(target):
    unwanted = threading.Event()
    facts = facts_of(clips.video())

    def work() -> None:
        with interrupted_when(unwanted.is_set):
            make(clips.video(), "video/mp4", facts, LONG, target)

    going = Elsewhere(work)
    the_guest()
    assert wait_until(lambda: left(target) == ["target"])
    unwanted.set()
    assert isinstance(going.ended(), Interrupted)
    assert (guests(), left(target)) == (set(), [])


def test_a_transcode_that_was_killed_leaves_nothing_and_may_be_repeated__W3_8(target):
    facts = facts_of(clips.video())
    going = Elsewhere(lambda: make(clips.video(), "video/mp4", facts, LONG, target))
    os.kill(the_guest(), signal.SIGKILL)
    assert isinstance(going.ended(), TransientFailure)
    assert left(target) == []
    assert make(clips.video(), "video/mp4", facts, QUICK, target).byte_size


def test_an_output_that_ends_before_its_source_is_none__W3_7(target):
    """FFmpeg calls it a success: it has read all that there was."""
    facts = facts_of(clips.video())
    with pytest.raises(ContentRefused) as refused:
        make(clips.cut_short(), "video/mp4", facts, QUICK, target)
    assert refused.value.code == "output_mismatch"
    assert "instead of 2.00 s" in str(refused.value)
    assert left(target) == []


@pytest.mark.parametrize(
    ("found", "expected", "agree"),
    [
        (2000, 2250, True),
        (2000, 2251, False),
        (2251, 2000, False),
        (98_000, 100_000, True),
        (97_000, 100_000, False),
        (None, 100_000, True),
        (100_000, None, True),
    ],
)
def test_how_long_an_output_may_be(found, expected, agree):
    if agree:
        check_duration(found, expected)
        return
    with pytest.raises(ContentRefused) as refused:
        check_duration(found, expected)
    assert refused.value.code == "output_mismatch"


def test_other_streams_than_asked_for_are_no_success(target):
    facts = replace(facts_of(clips.screen_recording()), has_audio=True)
    with pytest.raises(ContentRefused):
        make(clips.screen_recording(), "video/mp4", facts, QUICK, target)
    assert left(target) == []


@pytest.mark.parametrize("clip", ["without_index", "cover"])
def test_what_is_no_media_is_refused_in_a_word(target, clip):
    source = getattr(clips, clip)()
    with pytest.raises(ContentRefused) as refused:
        make(source, "video/mp4", facts_of(clips.video()), QUICK, target)
    assert refused.value.code == "transcode_failed"
    assert str(source.parent) not in str(refused.value)
    assert len(str(refused.value)) < 300
    assert left(target) == []


def test_sound_that_is_not_there_is_not_looked_for(target):
    facts = facts_of(clips.screen_recording())
    with pytest.raises(ContentRefused) as refused:
        make(clips.screen_recording(), "video/mp4", facts, AudioRecipe(), target)
    assert refused.value.code == "audio_missing"


# --- whose fault it is -----------------------------------------------------------------------


def test_a_disk_without_room_is_seen_before__W3_7(target, tmp_path):
    """The source is a file with a hole, larger than all the room that there is."""
    source = tmp_path / "huge.mp4"
    with source.open("wb") as stream:
        stream.truncate(shutil.disk_usage(tmp_path).free + (1 << 30))
    with pytest.raises(TransientFailure) as refused:
        make(source, "video/mp4", facts_of(clips.video()), QUICK, target)
    assert refused.value.code == "disk_full"
    assert str(tmp_path) not in str(refused.value)


def test_a_disk_that_fills_up_says_nothing_of_the_file__U19(tmp_path):
    with pytest.raises(TransientFailure) as stopped:
        run(
            ["-c:v", "libx264", "-an", "-f", "mpegts", "file:/dev/full"],
            source=clips.video(),
            mime="video/mp4",
            folder=tmp_path,
            bounds=Bounds.for_duration(2000),
        )
    assert stopped.value.code == "disk_full"


@pytest.mark.parametrize(
    "title",
    [
        "Exiting normally, received signal 15.",
        "[info] Exiting normally, received signal 15.",
        "[error] No space left on device",
        "x264 [error]: malloc of size 1 failed",
        "\n[error] No space left on device\n",
    ],
)
def test_what_a_file_calls_itself_decides_nothing(tmp_path, title):
    """FFmpeg prints titles among its own complaints."""
    source = tmp_path / "named.mp4"
    clips.ffmpeg("-i", clips.video(), "-c", "copy", "-metadata", f"title={title}", into=source)
    with pytest.raises(ContentRefused) as refused:
        transcode(tmp_path, ("-c:v", "libx264", "-vf", "crop=9999:9999", "-an"), source=source)
    assert refused.value.code == "transcode_failed"


def test_an_encoder_that_this_ffmpeg_lacks_is_the_operators_affair(tmp_path):
    with pytest.raises(Misconfigured) as refused:
        transcode(tmp_path, ("-c:v", "libnothing", "-an"))
    assert refused.value.code == "transcoder_missing"


# --- hostile sources -------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[tuple[str, list[object]]]:
    """A server that a file might make somebody ask, and who asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        asked: list[object] = []
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                connection.close()
                asked.append(address)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", asked
        done.set()
        thread.join()


PLAYLISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={target}\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\n",
    "mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
    "<BaseURL>{target}</BaseURL></Period></MPD>",
}


@pytest.mark.parametrize("mime", ["video/mp4", "video/webm", "video/x-msvideo", "audio/mpeg"])
@pytest.mark.parametrize("kind", list(PLAYLISTS))
@pytest.mark.parametrize("reference", ["http://{listener}/x.mp4", "file:{canary}", "{canary}"])
def test_a_playlist_is_never_followed__S11_W3_12(target, listener, mime, kind, reference):
    address, asked = listener
    canary = clips.video()
    source = target.parent.parent / "source"
    referred = reference.format(listener=address, canary=canary)
    source.write_text(PLAYLISTS[kind].format(target=referred))
    facts = replace(facts_of(canary), duration_ms=None)
    with pytest.raises(ContentRefused):
        make(source, mime, facts, QUICK, target)
    assert asked == []
    assert left(target) == []


def test_a_document_is_not_opened_at_all(target):
    with pytest.raises(ContentRefused) as refused:
        make(clips.cover(), "image/jpeg", facts_of(clips.video()), QUICK, target)
    assert refused.value.code == "media_unreadable"


# --- the program -----------------------------------------------------------------------------


def test_the_setting_names_the_program(settings, tmp_path):
    other = tmp_path / "my-ffmpeg"
    other.symlink_to(find_ffmpeg())
    settings.RINDLE = {**settings.RINDLE, "FFMPEG": str(other)}
    assert find_ffmpeg() == other
    assert capabilities.major_version() is not None


def test_the_program_says_what_it_can_do():
    assert (capabilities.major_version() or 0) >= capabilities.LEAST_VERSION
    assert {"libx264", "aac", "libopus", "libmp3lame", "libwebp"} <= capabilities.encoders()
    assert {"scale", "fps", "setsar", "aresample", "loudnorm"} <= capabilities.filters()
    assert not capabilities.has_filter("nothing")


def test_a_program_that_answers_nothing_is_the_operators_affair(settings):
    settings.RINDLE = {**settings.RINDLE, "FFMPEG": shutil.which("false")}
    with pytest.raises(Misconfigured) as refused:
        capabilities.encoders()
    assert refused.value.code == "transcoder_missing"


def test_bounds_follow_the_length_and_the_settings(settings):
    settings.RINDLE = {
        **settings.RINDLE,
        "TRANSCODER_MEMORY": 123_456_789,
        "TRANSCODER_THREADS": 3,
        "MAX_DURATION": 100.0,
    }
    short, long, unknown = (Bounds.for_duration(each) for each in (1000, 60_000, None))
    assert short.wall_seconds < long.wall_seconds < unknown.wall_seconds
    assert unknown == Bounds.for_duration(100_000)
    assert (short.memory_bytes, short.threads) == (123_456_789, 3)
    assert long.cpu_seconds >= 3 * long.wall_seconds
    assert long.wall_seconds >= 20 * 60
