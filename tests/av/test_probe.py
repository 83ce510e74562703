"""What is said of a file is what is in it; measured against MediaInfo, which shares no code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pymediainfo import MediaInfo

from rindle_django.errors import ContentRefused, Misconfigured, TransientFailure
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.limits import MediaLimits
from rindle_django.media.av.probe import probe_media
from rindle_django.media.sniff import sniff
from rindle_django.media.types import type_of_kind
from tests.av import clips

Clip = Callable[[], Path]


def look(path: Path, **limits: float) -> MediaFacts:
    mime = sniff(path.read_bytes()[:65536])
    assert mime is not None
    return probe_media(path, mime, MediaLimits(**limits))  # type: ignore[arg-type]


def refusal(path: Path, **limits: float) -> ContentRefused:
    with pytest.raises(ContentRefused) as caught:
        look(path, **limits)
    return caught.value


VIDEOS = {
    clips.video: ("video/mp4", "h264", "aac"),
    clips.phone_video: ("video/quicktime", "h264", "aac"),
    clips.hlg: ("video/mp4", "hevc", "aac"),
    clips.webm: ("video/webm", "vp9", "opus"),
    clips.recorded_in_browser: ("video/webm", "vp8", "opus"),
    clips.mkv: ("video/x-matroska", "h264", "aac"),
    clips.mov: ("video/quicktime", "h264", "aac"),
    clips.avi: ("video/x-msvideo", "mpeg4", "mp3"),
    clips.three_gp: ("video/mp4", "h264", "aac"),
    clips.ogv: ("video/ogg", "theora", "vorbis"),
    clips.fragmented: ("video/mp4", "h264", "aac"),
    clips.with_data_track: ("video/quicktime", "h264", "aac"),
    clips.with_subtitles: ("video/x-matroska", "h264", "aac"),
}
SOUNDS = {
    clips.mp3: ("audio/mpeg", "mp3"),
    clips.podcast: ("audio/mpeg", "mp3"),
    clips.m4a: ("audio/mp4", "aac"),
    clips.m4a_with_cover: ("audio/mp4", "aac"),
    clips.sound_in_mp4: ("audio/mp4", "aac"),
    clips.ogg: ("audio/ogg", "vorbis"),
    clips.opus: ("audio/ogg", "opus"),
    clips.sound_in_webm: ("audio/webm", "opus"),
    clips.flac: ("audio/flac", "flac"),
    clips.wav: ("audio/wav", "pcm_s16le"),
    clips.aac: ("audio/aac", "aac"),
    clips.aiff: ("audio/aiff", "pcm_s16be"),
}


@pytest.mark.parametrize("clip", VIDEOS, ids=lambda clip: Path(clip()).stem)
def test_a_video_of_each_container_is_known(clip: Clip):
    mime, seen, heard = VIDEOS[clip]
    facts = look(clip())
    assert sniff(clip().read_bytes()[:65536]) == mime
    assert (facts.kind, facts.has_video, facts.has_audio) == ("video", True, True)
    assert (facts.video_codec, facts.audio_codec) == (seen, heard)


@pytest.mark.parametrize("clip", SOUNDS, ids=lambda clip: Path(clip()).stem)
def test_sound_of_each_container_is_known__W3_10(clip: Clip):
    mime, codec = SOUNDS[clip]
    facts = look(clip())
    assert sniff(clip().read_bytes()[:65536]) == mime == type_of_kind(mime, facts.kind)
    assert (facts.kind, facts.has_video, facts.has_audio) == ("audio", False, True)
    assert (facts.audio_codec, facts.sample_rate, facts.channels) == (codec, 48_000, 2)
    assert (facts.width, facts.height, facts.video_codec) == (None, None, "")
    assert facts.duration_ms == pytest.approx(2000, abs=80)


@pytest.mark.parametrize(
    "clip", [*VIDEOS, clips.screen_recording, clips.vfr], ids=lambda clip: Path(clip()).stem
)
def test_another_prober_sees_the_same(clip: Clip):
    facts = look(clip())
    tracks = MediaInfo.parse(clip()).tracks
    seen = next(track for track in tracks if track.track_type == "Video")
    length = next(each.duration for each in tracks if each.track_type == "General")
    turned = round(float(seen.rotation or 0)) == 90
    size = (seen.height, seen.width) if turned else (seen.width, seen.height)
    assert (facts.width, facts.height) == size
    if length is not None:  # a browser's recording does not say
        assert facts.duration_ms == pytest.approx(float(length), abs=60)
    assert facts.rotation == round(float(seen.rotation or 0))
    if clip is not clips.fragmented:  # one frame of it is shown for longer, which is not enough
        assert facts.variable_frame_rate is (seen.frame_rate_mode == "VFR")
        assert facts.frame_rate == pytest.approx(float(seen.frame_rate or 25), abs=0.1)


def test_a_phones_video_is_measured_as_it_is_held__W3_10():
    facts = look(clips.phone_video())
    assert (facts.width, facts.height, facts.rotation) == (240, 320, 90)


def test_pixels_that_are_not_square_count_as_they_are_seen():
    facts = look(clips.anamorphic())
    assert (facts.width, facts.height) == (320, 240)


def test_a_silent_screen_recording_of_odd_size_is_a_video__W3_6():
    facts = look(clips.screen_recording())
    assert (facts.kind, facts.has_audio) == ("video", False)
    assert (facts.width, facts.height, facts.pixel_format) == (319, 241, "yuv444p")


@pytest.mark.parametrize("clip", [clips.hdr, clips.hlg], ids=["pq", "hlg"])
def test_high_dynamic_range_is_known_by_its_transfer_curve(clip: Clip):
    facts = look(clip())
    assert facts.hdr
    assert facts.pixel_format == "yuv420p10le"
    assert not look(clips.video()).hdr


def test_uneven_frames_are_told_from_even_ones():
    assert look(clips.vfr()).variable_frame_rate
    for clip in (clips.video, clips.mkv, clips.webm, clips.recorded_in_browser, clips.fragmented):
        facts = look(clip())
        assert (facts.variable_frame_rate, facts.frame_rate) == (False, 25.0), clip().name


def test_tracks_of_data_and_words_are_counted_and_harmless():
    assert look(clips.with_data_track()).tracks == 3
    assert look(clips.with_subtitles()).tracks == 3
    assert look(clips.located_video()).tracks == 3


# --- lengths ---------------------------------------------------------------------------------


def test_a_recording_that_does_not_know_its_length_is_measured():
    assert look(clips.recorded_in_browser()).duration_ms == pytest.approx(1000, abs=50)


def test_a_length_that_is_not_a_number_is_measured():
    assert look(clips.endless()).duration_ms == pytest.approx(2000, abs=50)


def test_a_claim_of_two_days_is_not_believed_either_way__S11():
    facts = look(clips.claims_two_days())
    assert facts.duration_ms == pytest.approx(2000, abs=50)
    # Nor is it where the claim itself would be allowed.
    facts = look(clips.claims_two_days(), max_duration=200_000)
    assert facts.duration_ms == pytest.approx(2000, abs=50)


def test_a_file_without_any_length_is_told_from_one_that_hides_it():
    facts = look(clips.zero_duration())
    assert facts.duration_ms is not None
    assert facts.duration_ms < 100


def test_what_is_longer_than_allowed_is_refused():
    error = refusal(clips.long_video(), max_duration=599)
    assert (error.code, error.params["limit"]) == ("duration_exceeded", 599)
    assert look(clips.long_video(), max_duration=601).duration_ms == 600_000
    assert refusal(clips.recorded_in_browser(), max_duration=0.5).code == "duration_exceeded"


# --- damage ----------------------------------------------------------------------------------


def test_damage_that_players_get_over_is_no_reason_to_refuse__W3_5():
    facts = look(clips.damaged())
    assert (facts.kind, facts.duration_ms) == ("video", 2000)


@pytest.mark.parametrize("clip", [clips.without_index, clips.cut_short], ids=["index", "end"])
def test_a_file_that_was_cut_is_named_as_such__S8(clip: Clip):
    assert refusal(clip()).code == "media_truncated"


def test_a_recording_that_ends_early_and_says_nothing_else_plays(tmp_path: Path):
    path = tmp_path / "crashed.webm"
    content = clips.recorded_in_browser().read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    facts = look(path)
    assert facts.duration_ms is not None
    assert 300 < facts.duration_ms < 800


def test_a_file_without_tracks_has_nothing_to_play():
    assert refusal(clips.without_samples()).code == "nothing_to_play"


def test_a_file_of_another_kind_is_unreadable(tmp_path: Path):
    path = tmp_path / "words.mp4"
    path.write_bytes(b"These are only words. " * 100)
    with pytest.raises(ContentRefused) as caught:
        probe_media(path, "video/mp4")
    assert caught.value.code == "media_unreadable"
    assert str(tmp_path) not in str(caught.value)


def test_nothing_is_looked_for_in_an_empty_file_or_in_a_picture(tmp_path: Path):
    path = tmp_path / "empty.mp4"
    path.touch()
    with pytest.raises(ContentRefused, match="empty"):
        probe_media(path, "video/mp4")
    with pytest.raises(ContentRefused, match="neither audio nor video"):
        probe_media(clips.cover(), "image/jpeg")


def test_trouble_with_the_disk_is_no_verdict__U19(tmp_path: Path):
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    with pytest.raises(TransientFailure) as caught:
        probe_media(folder, "video/mp4")
    assert caught.value.code == "decoder_unavailable"


def test_without_pyav_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rindle_django.media.av.needs.find_spec", {}.get)
    with pytest.raises(Misconfigured) as caught:
        probe_media(clips.video(), "video/mp4")
    assert caught.value.code == "decoder_missing"
    assert "rindle-django[av]" in str(caught.value)
