"""Audio and video from upload to ``available``: what is written down, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from rindle_django import Profile, upload
from rindle_django.errors import Misconfigured, RequestRefused
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.types import MEDIA_TYPES
from rindle_django.models import Asset, StoredObject
from rindle_django.operations.recipes import backfill_metadata
from rindle_django.operations.repair import reprobe
from rindle_django.profiles.recipes import AudioRecipe, ImageRecipe
from rindle_django.testing import drain_jobs
from tests.av import clips
from tests.kit import arrive, declared, files_in, fresh, ledger_keys, named
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)

Clip = Callable[[], Path]
ALL_MEDIA = tuple(
    mime for mime, each in MEDIA_TYPES.items() if each.kind in ("audio", "video") and each.loader
)
VIDEO = ("video/mp4", "video/quicktime", "video/webm")
AUDIO = ("audio/mpeg", "audio/mp4", "audio/webm", "audio/ogg", "audio/wav")


@pytest.fixture
def tape() -> Iterator[type[Profile]]:
    with declared("tape", content_types=ALL_MEDIA) as profile:
        yield profile


def taken(path: Path, *, profile: str = "tape", name: str = "") -> Asset:
    """The file as the server would hand it over, promoted or not."""
    asset = upload(profile, named(path.read_bytes(), name or path.name))
    drain_jobs()
    return fresh(asset)


@pytest.mark.parametrize(
    ("clip", "kind", "mime"),
    [
        (clips.video, "video", "video/mp4"),
        (clips.phone_video, "video", "video/quicktime"),
        (clips.screen_recording, "video", "video/mp4"),
        (clips.three_gp, "video", "video/mp4"),
        (clips.mkv, "video", "video/x-matroska"),
        (clips.avi, "video", "video/x-msvideo"),
        (clips.recorded_in_browser, "video", "video/webm"),
        (clips.ogv, "video", "video/ogg"),
        (clips.damaged, "video", "video/mp4"),
        (clips.podcast, "audio", "audio/mpeg"),
        (clips.m4a_with_cover, "audio", "audio/mp4"),
        (clips.sound_in_mp4, "audio", "audio/mp4"),
        (clips.sound_in_webm, "audio", "audio/webm"),
        (clips.opus, "audio", "audio/ogg"),
        (clips.flac, "audio", "audio/flac"),
        (clips.wav, "audio", "audio/wav"),
        (clips.aac, "audio", "audio/aac"),
        (clips.aiff, "audio", "audio/aiff"),
    ],
    ids=lambda value: Path(value()).stem if callable(value) else None,
)
def test_every_common_file_is_taken_as_what_it_is__W3_5_W3_6_W3_10(
    tape: type[Profile], clip: Clip, kind: str, mime: str
):
    asset = taken(clip())
    assert (asset.state, asset.reason_code) == ("ready", "")
    assert (asset.kind, asset.content_type) == (kind, mime)
    assert asset.original is not None
    assert asset.original.content_type == mime


def test_what_is_in_a_video_is_written_down(tape: type[Profile]):
    asset = taken(clips.phone_video())
    assert (asset.width, asset.height, asset.duration_ms) == (240, 320, 2000)
    assert (asset.has_video, asset.has_audio) == (True, True)
    assert (asset.pages, asset.has_alpha) == (None, None)
    facts = MediaFacts.from_columns(vars(asset))
    assert (facts.video_codec, facts.rotation, facts.frame_rate) == ("h264", 90, 25.0)
    assert not [text for text in asset.media_info.values() if "48.8" in str(text)]


def test_an_image_has_no_facts_of_sound_and_pictures():
    asset = upload("plain", named(clips.cover().read_bytes(), "a.jpg"))
    drain_jobs()
    asset = fresh(asset)
    assert (asset.kind, asset.width, asset.height) == ("image", 320, 240)
    assert (asset.duration_ms, asset.has_video, asset.has_audio) == (None, None, None)
    assert asset.media_info == {}


# --- which of two types that share a container -----------------------------------------------


def late_index(clip: Clip, *, room: int = 70_000) -> bytes:
    """The clip as an MP4 whose tracks begin only after what sniffing reads."""
    content = clip().read_bytes()
    begin = content.index(b"mdat") - 4
    space = room.to_bytes(4, "big") + b"free" + bytes(room - 8)
    # At the very end, so that no offset in the index changes.
    index = content.index(b"moov") - 4
    assert index > begin
    return content[:index] + space + content[index:]


def test_sound_that_looks_like_video_at_first_is_frozen_as_sound(
    tape: type[Profile], media_folder: Path
):
    content = late_index(clips.sound_in_mp4)
    asset = upload("tape", named(content, "talk.mp4"))
    drain_jobs()
    asset = fresh(asset)
    assert (asset.state, asset.kind, asset.content_type) == ("ready", "audio", "audio/mp4")
    assert asset.original is not None
    assert asset.original.key.endswith(".m4a")
    # What was frozen under the other type is gone again, and nothing else is left.
    assert files_in(media_folder) == {asset.original.key} == ledger_keys("present")


def test_an_audio_profile_takes_sound_in_any_mp4_and_no_video():
    content = late_index(clips.sound_in_mp4)
    with declared("voice", content_types=AUDIO):
        for name, declared_as in (("talk.m4a", "audio/mp4"), ("talk.mp4", "video/mp4")):
            asset = arrive(content, profile="voice", filename=name, content_type=declared_as)
            drain_jobs()
            assert (fresh(asset).state, fresh(asset).content_type) == ("ready", "audio/mp4")
        asset = taken(clips.video(), profile="voice", name="film.mp4")
        assert (asset.state, asset.reason_code) == ("quarantined", "mime_not_allowed")
        assert "video/mp4" in asset.reason


def test_a_video_profile_takes_no_sound_alone():
    with declared("film", content_types=VIDEO):
        for content in (clips.sound_in_mp4().read_bytes(), late_index(clips.sound_in_mp4)):
            asset = upload("film", named(content, "talk.mp4"))
            drain_jobs()
            asset = fresh(asset)
            assert (asset.state, asset.reason_code) == ("quarantined", "mime_not_allowed")
            assert "audio/mp4" in asset.reason


def test_a_browsers_recording_of_sound_is_taken_under_the_name_browsers_give_it():
    with declared("voice", content_types=("audio/webm",)):
        content = clips.sound_in_webm().read_bytes()
        asset = arrive(content, profile="voice", filename="rec.webm", content_type="video/webm")
        drain_jobs()
        assert (fresh(asset).state, fresh(asset).content_type) == ("ready", "audio/webm")


def test_a_type_that_the_profile_does_not_take_in_any_form_is_refused_at_once():
    with declared("voice", content_types=AUDIO), pytest.raises(RequestRefused) as caught:
        upload("voice", named(clips.avi().read_bytes(), "film.avi"))
    assert caught.value.code == "content_type_not_allowed"


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clip", "code"),
    [
        (clips.without_index, "media_truncated"),
        (clips.cut_short, "media_truncated"),
        (clips.without_samples, "nothing_to_play"),
        (clips.many_streams, "tracks_exceeded"),
    ],
    ids=lambda value: Path(value()).stem if callable(value) else value,
)
def test_a_broken_file_is_quarantined_with_its_reason(tape: type[Profile], clip: Clip, code: str):
    asset = taken(clip())
    assert (asset.state, asset.reason_code) == ("quarantined", code)
    assert asset.original is None


def test_limits_of_the_profile_apply_to_what_it_takes():
    with declared("short", content_types=VIDEO, max_duration=1.5):
        asset = taken(clips.video(), profile="short")
        assert (asset.state, asset.reason_code) == ("quarantined", "duration_exceeded")
    with declared("small", content_types=VIDEO, max_pixels=10_000):
        asset = taken(clips.video(), profile="small")
        assert (asset.state, asset.reason_code) == ("quarantined", "pixels_exceeded")


def test_the_projects_limit_applies_where_the_profile_has_none(
    tape: type[Profile], settings: Settings
):
    settings.RINDLE = {**settings.RINDLE, "MAX_DURATION": 1.0}
    assert taken(clips.podcast()).reason_code == "duration_exceeded"


def test_an_outage_while_it_is_looked_into_is_no_verdict__U19_W1_5(tape: type[Profile], sky: Sky):
    sky.break_down("download")
    asset = taken(clips.video())
    assert (asset.state, asset.reason_code) == ("analyzing", "storage_unavailable")
    sky.clear_up()
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"


def test_a_worker_without_pyav_waits_and_says_so__W1_5(
    tape: type[Profile], monkeypatch: pytest.MonkeyPatch
):
    asset = upload("tape", named(clips.video().read_bytes(), "a.mp4"))
    with monkeypatch.context() as without:
        without.setattr("rindle_django.media.av.needs.find_spec", {}.get)
        drain_jobs()
    assert (fresh(asset).state, fresh(asset).reason_code) == ("analyzing", "decoder_missing")
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"


# --- what is missing here --------------------------------------------------------------------


def test_without_pyav_uploads_of_media_are_refused_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("rindle_django.media.av.needs.find_spec", {}.get)
    with declared("mixed", content_types=("video/mp4", "image/jpeg")):
        with pytest.raises(Misconfigured) as caught:
            upload("mixed", named(clips.video().read_bytes(), "a.mp4"))
        assert caught.value.code == "decoder_missing"
        assert "rindle-django[av]" in str(caught.value)
        assert not StoredObject.objects.exists()
        assert taken(clips.cover(), profile="mixed").state == "ready"


def test_without_ffmpeg_only_profiles_that_make_something_of_media_refuse_it(
    settings: Settings, tmp_path: Path
):
    settings.RINDLE = {**settings.RINDLE, "FFMPEG": str(tmp_path / "none")}
    with declared("kept", content_types=VIDEO):
        assert taken(clips.video(), profile="kept").state == "ready"
    variants = {"mp3": AudioRecipe(format="mp3"), "thumb": ImageRecipe(width=10)}
    types = (*VIDEO, "image/jpeg")
    with declared("made", content_types=types, variants=variants):
        with pytest.raises(Misconfigured) as caught:
            upload("made", named(clips.video().read_bytes(), "a.mp4"))
        assert caught.value.code == "transcoder_missing"
        assert taken(clips.cover(), profile="made").state == "ready"


# --- looked at again -------------------------------------------------------------------------


def forget(asset: Asset) -> None:
    """As if it had been promoted before media were looked into."""
    Asset.objects.filter(pk=asset.pk).update(
        kind="video",
        content_type="video/mp4",
        has_video=None,
        has_audio=None,
        duration_ms=None,
        media_info={},
    )


def test_a_reprobe_finds_out_what_was_not_known(tape: type[Profile]):
    asset = taken(clips.sound_in_mp4())
    known = Asset.objects.filter(pk=asset.pk).values().get()
    forget(asset)
    report = reprobe(asset.pk)
    assert report.result == "changed"
    assert {"kind", "content_type", "has_audio", "duration_ms", "media_info"} <= set(report.changes)
    found = Asset.objects.filter(pk=asset.pk).values().get()
    assert {**found, "updated_at": None} == {**known, "updated_at": None}
    assert reprobe(asset.pk).result == "unchanged"


def test_a_backfill_finds_out_what_was_not_known__C2_17(tape: type[Profile]):
    sound, video = taken(clips.sound_in_mp4()), taken(clips.phone_video())
    forget(sound)
    Asset.objects.filter(pk=video.pk).update(has_audio=None, width=None, metadata={"title": "Sea"})
    report = backfill_metadata(dry_run=False)
    assert (report.found, report.updated, report.errors) == (2, 2, 0)
    assert (fresh(sound).kind, fresh(sound).content_type) == ("audio", "audio/mp4")
    assert (fresh(video).width, fresh(video).has_audio) == (240, True)
    assert fresh(video).metadata == {"title": "Sea"}
    assert backfill_metadata(dry_run=False).found == 0
