"""What the doctor says of audio and video."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from rindle_django import AudioRecipe, HLSRecipe, ImageRecipe, VideoRecipe, upload
from rindle_django.models import Asset
from rindle_django.operations.doctor import diagnose
from rindle_django.operations.doctor.diagnosis import Diagnosis
from rindle_django.testing import drain_jobs
from tests.av import clips
from tests.doctor.signs import said_by, told
from tests.kit import declared, named

VIDEO = ("video/mp4", "audio/mpeg")
MADE = {
    "web": VideoRecipe(),
    "small": VideoRecipe(codec="vp9", resolution=360),
    "stream": HLSRecipe(),
    "podcast": AudioRecipe(format="mp3", loudness=-16),
    "thumb": ImageRecipe(width=10),
}


def fine(check: str) -> Diagnosis:
    (diagnosis,) = diagnose(only=[check])
    assert diagnosis.status == "ok", diagnosis
    return diagnosis


def program(folder: Path, *, version: str, encoders: str = "") -> str:
    """An ffmpeg that answers questions and does nothing else."""
    path = folder / "ffmpeg"
    path.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *-version*) echo "ffmpeg version {version} Copyright";;\n'
        f"*-encoders*) printf '{encoders}';;\nesac\n"
    )
    path.chmod(0o755)
    return str(path)


def test_who_takes_no_media_needs_nothing_for_it():
    assert fine("media.libraries").finding == "No profile takes audio or video."
    assert fine("media.ffmpeg").finding == "No profile needs FFmpeg."
    assert fine("media.encoders").finding == "No recipe needs an encoder of FFmpeg."


def test_what_is_there_is_told_with_its_versions():
    with declared("tape", content_types=VIDEO, variants=MADE):
        libraries = fine("media.libraries").finding
        assert "PyAV 18" in libraries
        assert "libavformat 62" in libraries
        ffmpeg = fine("media.ffmpeg").finding
        assert "FFmpeg n9" in ffmpeg
        assert "/ffmpeg" in ffmpeg
        assert fine("media.encoders").finding == "It has all that recipes need."


def test_a_decoder_that_cannot_load_pyav_is_an_error(monkeypatch: pytest.MonkeyPatch):
    from rindle_django.errors import Misconfigured
    from rindle_django.operations.doctor import media

    def missing(limits: object) -> None:
        raise Misconfigured("extra_missing", feature="x", package="PyAV", install="y")

    monkeypatch.setattr(media, "library_versions", missing)
    with declared("tape", content_types=VIDEO):
        diagnosis = told("media.libraries")
    assert diagnosis.status == "error"
    assert "tape" in diagnosis.finding
    assert "rindle-django[av]" in diagnosis.fix


def test_a_missing_ffmpeg_is_an_error_where_something_is_made_with_it(
    settings: Settings, tmp_path: Path
):
    settings.RINDLE = {**settings.RINDLE, "FFMPEG": str(tmp_path / "none")}
    with declared("kept", content_types=VIDEO):
        assert fine("media.ffmpeg").finding == "No profile needs FFmpeg."
    with declared("tape", content_types=VIDEO, variants=MADE):
        for check in ("media.ffmpeg", "media.encoders"):
            diagnosis = told(check)
            assert diagnosis.status == "error"
            assert "FFMPEG" in diagnosis.finding


def test_an_ffmpeg_that_is_too_old_is_an_error(settings: Settings, tmp_path: Path):
    settings.RINDLE = {**settings.RINDLE, "FFMPEG": program(tmp_path, version="4.4.2")}
    with declared("tape", content_types=VIDEO, variants=MADE):
        diagnosis = told("media.ffmpeg")
    assert diagnosis.status == "error"
    assert "4.4.2" in diagnosis.finding


def test_encoders_that_recipes_need_and_ffmpeg_lacks_are_named(settings: Settings, tmp_path: Path):
    answers = r" V....D libx264 H.264\n A....D aac AAC\n"
    path = program(tmp_path, version="7.1", encoders=answers)
    settings.RINDLE = {**settings.RINDLE, "FFMPEG": path}
    with declared("tape", content_types=VIDEO, variants=MADE):
        found = said_by("media.encoders")
    lacking = {each.finding for each in found if each.status == "error"}
    assert any("no libmp3lame, but tape.podcast want it" in text for text in lacking)
    assert any("no libvpx-vp9, but tape.small want it" in text for text in lacking)
    assert any("no loudnorm, but tape.podcast want it" in text for text in lacking)
    assert not any("libx264" in text for text in lacking)
    (pale,) = [each for each in found if each.status == "warn"]
    assert "high dynamic range" in pale.finding


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "changes",
    [
        {"has_audio": None},
        {"kind": "video"},
        {"content_type": "video/mp4"},
    ],
)
def test_assets_that_were_never_looked_into_are_counted(changes: dict[str, object]):
    with declared("tape", content_types=VIDEO):
        asset = upload("tape", named(clips.mp3().read_bytes(), "a.mp3"))
        drain_jobs()
        assert said_by("media.unmeasured", deep=True) == []
        Asset.objects.filter(pk=asset.pk).update(**changes)
        diagnosis = told_deep("media.unmeasured")
        assert "1 asset" in diagnosis.finding
        assert "rindle_backfill_metadata" in diagnosis.fix


def told_deep(check: str) -> Diagnosis:
    (diagnosis,) = said_by(check, deep=True)
    return diagnosis
