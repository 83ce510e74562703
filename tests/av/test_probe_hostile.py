"""Hostile files: each ends in facts or one typed verdict, in bounded time, and reaches nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rindle_django.errors import CODES, ContentRefused, Kind, RindleError
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.limits import MediaLimits
from rindle_django.media.av.probe import probe_media
from rindle_django.media.sniff import sniff
from rindle_django.media.types import MEDIA_TYPES
from tests.av import clips, hostile
from tests.media import pictures

Clip = Callable[[], Path]
PLAYABLE = sorted(
    mime for mime, each in MEDIA_TYPES.items() if each.kind in ("video", "audio") and each.loader
)


def outcome(path: Path, mime: str, **limits: float) -> MediaFacts | RindleError:
    begun = time.monotonic()
    try:
        found: MediaFacts | RindleError = probe_media(path, mime, MediaLimits(**limits))  # type: ignore[arg-type]
    except RindleError as error:
        found = error
    assert time.monotonic() - begun < 15
    assert isinstance(found, MediaFacts) or CODES[found.code].kind is Kind.CONTENT, found
    return found


def code(path: Path, mime: str, **limits: float) -> str:
    found = outcome(path, mime, **limits)
    assert isinstance(found, ContentRefused), found
    return found.code


# --- playlists -------------------------------------------------------------------------------


@pytest.mark.parametrize("front", hostile.FRONTS)
def test_a_playlist_in_disguise_reaches_nobody_and_reads_nothing__S11_W3_12(
    front: str, tmp_path: Path
):
    """Under each container's first bytes, and bare under its type, as sniffing can be led astray.

    What is named is a real video, so that one that was followed would be playable.
    """
    canary = tmp_path / "canary.mp4"
    canary.write_bytes(clips.video().read_bytes())
    number = sorted(hostile.FRONTS).index(front)
    with hostile.listening() as listener, hostile.watched(canary) as opened:
        # Each container gets another of the targets: all of them with each would take long.
        places = list(hostile.targets(listener.address, canary).values())
        place = places[number % len(places)]
        for form, content in hostile.lists(place, listener.address).items():
            for begin in (b"", hostile.FRONTS[front]):
                path = tmp_path / f"{form}.mp4"
                path.write_bytes(begin + content)
                assert isinstance(outcome(path, front), ContentRefused), (form, place, begin)
        assert listener.hits == 0
    assert opened == []


def test_the_watch_over_the_canary_would_notice(tmp_path: Path):
    canary = tmp_path / "canary"
    canary.write_bytes(b"x")
    with hostile.watched(canary) as opened:
        canary.read_bytes()
    assert opened


@pytest.mark.parametrize("form", ["m3u8", "ffconcat", "sdp", "dash"])
def test_no_playlist_is_sniffed_as_something_to_play__S11(form: str, tmp_path: Path):
    content = hostile.lists("http://127.0.0.1:9/x.ts", "127.0.0.1:9")[form]
    assert MEDIA_TYPES.get(sniff(content) or "", MEDIA_TYPES["text/html"]).kind == "document"


@pytest.mark.parametrize("demuxer", ["hls", "concat"])
def test_even_a_demuxer_that_follows_links_gets_no_other_file__S11(
    demuxer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Should a table ever name such a one: the file is open, and nothing else can be opened."""
    from rindle_django.media.av import inspecting

    canary = tmp_path / "canary.mp4"
    canary.write_bytes(clips.video().read_bytes())
    path = tmp_path / "list.m3u8"
    with hostile.listening() as listener, hostile.watched(canary) as opened:
        for place in hostile.targets(listener.address, canary).values():
            content = hostile.lists(place, listener.address)
            path.write_bytes(content["m3u8" if demuxer == "hls" else "ffconcat"])
            row = MEDIA_TYPES["video/mp4"]
            monkeypatch.setattr(
                inspecting, "MEDIA_TYPES", {"video/mp4": type(row)("x", "video", (), (), demuxer)}
            )
            with pytest.raises(Exception) as caught:
                inspecting.look_into(path, "video/mp4", MediaLimits())
            error = inspecting.verdict(caught.value, path, MediaLimits())
            assert CODES[error.code].kind is Kind.CONTENT
        assert listener.hits == 0
    assert opened == []


def test_only_the_demuxer_of_the_sniffed_type_opens_a_file__W3_12():
    """Whatever the content looks like: a WAV under the type of an MP4 is a broken MP4."""
    for clip, wrong in (
        (clips.wav, "video/mp4"),
        (clips.video, "video/webm"),
        (clips.mkv, "video/x-msvideo"),
        (clips.avi, "audio/wav"),
        (clips.flac, "audio/ogg"),
    ):
        assert code(clip(), wrong) in ("media_unreadable", "nothing_to_play"), wrong


# --- too much --------------------------------------------------------------------------------


def test_a_thousand_streams_are_refused_before_they_are_opened__S11(tmp_path: Path):
    path = tmp_path / "many.mkv"
    path.write_bytes(hostile.with_streams(1000))
    begun = time.monotonic()
    assert code(path, "video/x-matroska") == "tracks_exceeded"
    assert time.monotonic() - begun < 5
    path.write_bytes(hostile.with_streams(3))
    assert isinstance(outcome(path, "video/x-matroska"), MediaFacts)


def test_as_many_streams_pass_as_the_limit_says():
    assert code(clips.many_streams(), "video/x-matroska", max_tracks=40) == "tracks_exceeded"
    facts = outcome(clips.many_streams(), "video/x-matroska", max_tracks=41)
    assert isinstance(facts, MediaFacts)
    assert facts.tracks == 41


@pytest.mark.parametrize("stated", [14_000, 320], ids=["honest", "lying"])
def test_enormous_frames_are_refused_before_they_are_decoded__S11(stated: int, tmp_path: Path):
    side = 14_000
    png = pictures.png_bomb(tmp_path / "bomb.png", side, side, honest=True).read_bytes()
    path = tmp_path / "bomb.mkv"
    path.write_bytes(hostile.pictures_of(png, stated, stated))
    assert code(path, "video/x-matroska") == "pixels_exceeded"


def test_a_side_that_is_too_long_is_refused__S11(tmp_path: Path):
    png = pictures.png_bomb(tmp_path / "bomb.png", 17_000, 50, honest=True).read_bytes()
    path = tmp_path / "bomb.mkv"
    path.write_bytes(hostile.pictures_of(png, 17_000, 50))
    assert code(path, "video/x-matroska") == "side_exceeded"


def test_frames_of_32_thousand_by_32_thousand_are_refused__S11(tmp_path: Path):
    """libavcodec does not even believe them."""
    png = pictures.png_bomb(tmp_path / "bomb.png", 32_000, 32_000).read_bytes()
    path = tmp_path / "bomb.mkv"
    path.write_bytes(hostile.pictures_of(png, 32_000, 32_000))
    assert code(path, "video/x-matroska") == "media_unreadable"


def test_limits_are_those_of_the_caller():
    video = clips.video()
    assert code(video, "video/mp4", max_pixels=76_799) == "pixels_exceeded"
    assert code(video, "video/mp4", max_side=319) == "side_exceeded"
    assert isinstance(outcome(video, "video/mp4", max_pixels=76_800, max_side=320), MediaFacts)


def test_frames_that_lie_far_apart_cost_no_more_than_others__S11(tmp_path: Path):
    """Ten hours, of which two frames are there."""
    png = pictures.save(tmp_path / "x.png", pictures.quarters(64, 48), "image/png").read_bytes()
    cluster_later = hostile.element(
        b"\x1f\x43\xb6\x75", hostile.number(b"\xe7", 36_000_000), hostile.block(1, 0, png)
    )
    content = hostile.pictures_of(png, 64, 48)
    path = tmp_path / "sparse.mkv"
    # The segment's length is left as it is: what follows it is read all the same, or not at all.
    path.write_bytes(content + cluster_later)
    found = outcome(path, "video/x-matroska")
    assert isinstance(found, ContentRefused)
    assert found.code == "duration_exceeded"


# --- anything at all -------------------------------------------------------------------------


@pytest.mark.parametrize("mime", PLAYABLE)
def test_random_bytes_get_a_verdict__S11(mime: str, tmp_path: Path):
    chance = random.Random(mime)
    path = tmp_path / "random"
    for begin in (b"", hostile.FRONTS.get(mime, b"")):
        path.write_bytes(begin + chance.randbytes(20_000))
        assert isinstance(outcome(path, mime), MediaFacts | ContentRefused)


FUZZED = (
    *(clips.video, clips.phone_video, clips.fragmented, clips.mkv, clips.webm, clips.avi),
    *(
        clips.ogv,
        clips.mp3,
        clips.podcast,
        clips.flac,
        clips.wav,
        clips.aac,
        clips.aiff,
        clips.opus,
    ),
)


@pytest.mark.parametrize("clip", FUZZED, ids=lambda clip: Path(clip()).stem)
def test_a_file_that_was_tampered_with_gets_facts_or_a_verdict__S11(clip: Clip, tmp_path: Path):
    chance = random.Random(clip().name)
    mime = sniff(clip().read_bytes()[:65536])
    assert mime is not None
    path = tmp_path / "tampered"
    for _ in range(6):
        path.write_bytes(tampered(clip().read_bytes(), chance))
        found = outcome(path, mime)
        assert isinstance(found, MediaFacts | ContentRefused)
        if isinstance(found, MediaFacts):
            assert found.tracks <= MediaLimits().max_tracks
            assert (found.duration_ms or 0) <= MediaLimits().max_duration * 1000


def tampered(content: bytes, chance: random.Random) -> bytes:
    """Numbers changed where headers are, something cut out, something said twice."""
    changed = bytearray(content)
    for region in (256, 4096, len(content)):
        for _ in range(chance.randrange(6)):
            changed[chance.randrange(16, min(region, len(content)))] = chance.choice(
                (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
            )
    begin = chance.randrange(len(changed))
    part = bytes(changed[begin : begin + chance.randrange(1, 400)])
    match chance.randrange(4):
        case 0:
            del changed[begin : begin + len(part)]
        case 1:
            changed[begin:begin] = part
        case 2:
            del changed[begin:]
    return bytes(changed)


def test_after_all_that_a_good_file_is_looked_into_as_before(tmp_path: Path):
    path = tmp_path / "random"
    path.write_bytes(hostile.FRONTS["video/mp4"] + bytes(1000))
    assert isinstance(outcome(path, "video/mp4"), ContentRefused)
    assert isinstance(outcome(clips.video(), "video/mp4"), MediaFacts)
