"""What is wrong with a project is said at start-up, with an id and a hint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.db import connection
from django.db.models import Model
from pytest_django import Settings

from rindle_django import (
    AudioRecipe,
    Delivery,
    HLSRecipe,
    ImageRecipe,
    PosterRecipe,
    PreviewRecipe,
    Profile,
    Recipe,
    StoryboardRecipe,
    VideoRecipe,
    WaveformRecipe,
)
from rindle_django.profiles import register, unregister
from rindle_django.storage import Capabilities, registry
from rindle_django.storage.filesystem import FileSystemAdapter


@pytest.fixture
def declared() -> Iterator[Any]:
    """Declares profiles that are forgotten after the test."""
    made: list[type[Profile]] = []

    def declare(**attributes: Any) -> type[Profile]:
        profile = type("Declared", (Profile,), {"name": "declared", **attributes})
        made.append(profile)
        return profile

    yield declare
    for profile in made:
        unregister(profile)


def messages(number: str) -> list[CheckMessage]:
    return [message for message in run_checks() if message.id == f"rindle.{number}"]


def test_a_sound_project_has_nothing_to_hear():
    assert [message for message in run_checks() if (message.id or "").startswith("rindle")] == []


def test_an_unknown_setting_is_named__C3(settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "UPLOAD_TTLL": 1}
    (message,) = messages("E001")
    assert "UPLOAD_TTLL" in message.msg
    assert "UPLOAD_TTL" in str(message.hint)


@pytest.mark.parametrize("value", ["60", -1, True, None])
def test_a_setting_of_the_wrong_sort_is_named__C3(settings: Settings, value: object):
    settings.RINDLE = {**settings.RINDLE, "LEASE": value}
    (message,) = messages("E002")
    assert "LEASE" in message.msg


def test_a_schedule_for_no_task_is_refused__C3(settings: Settings):
    settings.RINDLE = {"SCHEDULES": {**settings.RINDLE["SCHEDULES"], "clean_up": "0 1 * * *"}}
    (message,) = messages("E003")
    assert "cleanup_orphans" in str(message.hint)


def test_missing_schedules_are_said__W1_22(settings: Settings):
    settings.RINDLE = {}
    assert len(messages("W001")) == 2


@pytest.mark.parametrize("line", ["nonsense", "0 25 * * *", "0 0 31 2 *", 7])
def test_a_cron_line_that_never_fires_is_an_error(settings: Settings, line: object):
    settings.RINDLE = {"SCHEDULES": {**settings.RINDLE["SCHEDULES"], "cleanup_orphans": line}}
    (message,) = messages("E004")
    assert "cleanup_orphans" in message.msg


def test_a_cleanup_that_only_reports_is_said__O9(settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "CLEANUP_DRY_RUN": True}
    assert len(messages("W005")) == 1


def test_a_reconciler_that_is_turned_off_is_said(settings: Settings):
    settings.RINDLE = {"SCHEDULES": {**settings.RINDLE["SCHEDULES"], "reconcile": None}}
    assert len(messages("W006")) == 1


def test_a_folder_that_cannot_be_written_is_said(settings: Settings, tmp_path: Path):
    settings.RINDLE = {**settings.RINDLE, "TEMP_DIR": str(tmp_path / "nowhere")}
    (message,) = messages("W007")
    assert "nowhere" in message.msg


def of_ours(**options: Any) -> list[str]:
    ids = [each.id or "" for each in run_checks(**options)]
    return [each for each in ids if each.startswith("rindle")]


@pytest.mark.django_db(transaction=True)
def test_a_guard_that_is_missing_is_said_when_databases_are_checked():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rindle_asset DISABLE TRIGGER rindle_asset_birth")
        try:
            assert of_ours(databases=["default"]) == ["rindle.W011"]
            assert of_ours() == []
        finally:
            cursor.execute("ALTER TABLE rindle_asset ENABLE TRIGGER rindle_asset_birth")
    assert of_ours(databases=["default"]) == []


class Elsewhere:
    def db_for_write(self, model: type[Model], **_: object) -> str | None:
        return "other" if model._meta.app_label == "rindle" else None


def test_rows_and_jobs_on_different_databases_are_an_error(settings: Settings):
    settings.DATABASE_ROUTERS = [Elsewhere()]
    (message,) = messages("E010")
    assert "survive the rollback" in message.msg


def test_two_profiles_of_one_name_are_an_error__D11(declared: Any):
    declared(name="photo")
    (message,) = messages("E020")
    assert "tests.app.media.Photo" in message.msg


def test_the_same_class_may_be_declared_again_as_by_a_reloader(declared: Any):
    profile = declared()
    register(profile)
    assert messages("E020") == []


@pytest.mark.parametrize(
    ("attributes", "number"),
    [
        ({"name": ""}, "E021"),
        ({"content_types": ()}, "E022"),
        ({"content_types": ("image/nonsense",)}, "E022"),
        ({"max_bytes": 0}, "E023"),
        ({"max_pixels": -5}, "E023"),
        ({"variants": {"a": ImageRecipe()}}, "E024"),
        ({"variants": {"a": ImageRecipe(mode="crop", width=5)}}, "E024"),
        ({"variants": {"a": ImageRecipe(width=5, quality=101)}}, "E024"),
        ({"variants": {"a": ImageRecipe(width=0)}}, "E024"),
        ({"variants": {"a": ImageRecipe(width=5, background="white")}}, "E024"),
        ({"variants": {"a": ImageRecipe(width=5, focal_point=(0.5, 0.5))}}, "E024"),
        ({"variants": {"a": ImageRecipe(width=5, format="bmp")}}, "E024"),  # type: ignore[arg-type]
        ({"storage": "nowhere"}, "E025"),
        ({"storage": "default", "delivery": Delivery(public=True)}, "E026"),
        ({"scanner": object()}, "E027"),
        ({"authorizer": print}, "E027"),
    ],
)
def test_a_profile_that_cannot_work_is_an_error__P10(
    declared: Any, attributes: dict[str, Any], number: str
):
    declared(**attributes)
    (message,) = messages(number)
    assert message.hint


def test_an_upload_open_to_anybody_is_said_before_deployment():
    said = [each for each in run_checks(include_deployment_checks=True) if each.id == "rindle.W010"]
    assert ["Plain" in each.msg for each in said] == [True]


class Broken(FileSystemAdapter):
    @property
    def capabilities(self) -> Capabilities:
        raise RuntimeError("a fault of the adapter's own")


def test_a_broken_adapter_is_heard_of_and_not_taken_for_a_poor_one__S10(
    monkeypatch: pytest.MonkeyPatch,
):
    storage = "django.core.files.storage.filesystem.FileSystemStorage"
    monkeypatch.setitem(registry.ADAPTERS, storage, f"{__name__}.Broken")
    registry.reset()
    try:
        with pytest.raises(RuntimeError, match="own"):
            run_checks()
    finally:
        monkeypatch.undo()
        registry.reset()


@pytest.mark.parametrize("value", ["60", -1, True])
def test_a_setting_that_may_be_none_has_a_sort_too__C3(settings: Settings, value: object):
    settings.RINDLE = {**settings.RINDLE, "SUPERSEDED_GRACE": value}
    (message,) = messages("E002")
    assert "SUPERSEDED_GRACE" in message.msg


# --- audio and video -------------------------------------------------------------------------


def test_media_that_cannot_be_looked_into_is_named(declared: Any, monkeypatch: pytest.MonkeyPatch):
    declared(content_types=["video/mp4", "image/png"])
    assert messages("W003") == []
    monkeypatch.setattr("rindle_django.media.av.needs.find_spec", {}.get)
    (message,) = messages("W003")
    assert "video/mp4" in message.msg
    assert "rindle-django[av]" in str(message.hint)


def test_profiles_that_make_something_of_media_need_ffmpeg(
    declared: Any, settings: Settings, tmp_path: Path
):
    declared(content_types=["video/mp4"], variants={"web": VideoRecipe()})
    assert messages("W013") == []
    settings.RINDLE = {**settings.RINDLE, "FFMPEG": str(tmp_path / "none")}
    (message,) = messages("W013")
    assert "Declared" in message.msg
    assert "FFMPEG" in str(message.hint)


def test_who_only_keeps_media_needs_no_ffmpeg(declared: Any, settings: Settings, tmp_path: Path):
    settings.RINDLE = {**settings.RINDLE, "FFMPEG": str(tmp_path / "none")}
    declared(content_types=["video/mp4"])
    assert messages("W013") == []


@pytest.mark.parametrize(
    ("recipe", "word"),
    [
        (VideoRecipe(resolution=10), "resolution"),
        (HLSRecipe(resolutions=()), "resolutions"),
        (AudioRecipe(bitrate=1), "bitrate"),
        (WaveformRecipe(color="red"), "color"),
        (PosterRecipe(at=2), "at"),
        (StoryboardRecipe(columns=0), "columns"),
        (PreviewRecipe(seconds=100), "seconds"),
    ],
)
def test_each_sort_of_recipe_is_checked(declared: Any, recipe: Recipe, word: str):
    declared(content_types=["video/mp4"], variants={"made": recipe})
    (message,) = messages("E024")
    assert word in message.msg
    assert type(recipe).__name__ in str(message.hint)


def test_a_variant_of_what_the_profile_does_not_take_is_named(declared: Any):
    declared(content_types=["audio/mpeg"], variants={"web": VideoRecipe(), "mp3": AudioRecipe()})
    (message,) = messages("W014")
    assert "'web'" in message.msg
    assert "video" in str(message.hint)


@pytest.mark.parametrize("longest", [0, -1, True])
def test_a_longest_duration_that_allows_nothing_is_refused(declared: Any, longest: object):
    declared(content_types=["video/mp4"], max_duration=longest)
    (message,) = messages("E023")
    assert "max_duration" in message.msg
