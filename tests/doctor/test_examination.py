"""The doctor as a whole: its table, its isolation, what it tells while it looks."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import pytest
from django.db import DatabaseError, connection

from rindle_django import diagnose as root_diagnose
from rindle_django.errors import TransientFailure
from rindle_django.operations import doctor
from rindle_django.operations.doctor import CHECKS, diagnose, examination
from rindle_django.operations.doctor.diagnosis import Check, warn
from rindle_django.operations.reading import reading
from rindle_django.testing import Recorder
from tests.kit import declared, refused
from tests.verify_storage.scene import all_rows

pytestmark = pytest.mark.django_db(transaction=True)


def with_check(monkeypatch: pytest.MonkeyPatch, look, place="process") -> None:
    """One more check, before all others."""
    extra = Check("extra.one", "extra", "Something.", look, place=place)
    monkeypatch.setattr(examination, "CHECKS", (extra, *CHECKS))


def test_ids_are_unique_and_each_check_says_what_it_looks_at():
    ids = [check.id for check in CHECKS]
    assert len(ids) == len(set(ids))
    for check in CHECKS:
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", check.id)
        assert check.looks_at.endswith((".", ")."))
        assert check.component


def test_every_check_answers_in_the_order_of_the_table():
    found = list(dict.fromkeys(each.check for each in diagnose(deep=True)))
    assert found == [check.id for check in CHECKS]


def test_nothing_that_is_amiss_comes_without_a_remedy():
    for each in diagnose(deep=True):
        assert each.status in ("ok", "warn", "error")
        assert each.finding
        assert bool(each.fix) is (each.status != "ok"), each


def test_only_deep_asks_for_the_invariants():
    assert "invariants.hold" not in {each.check for each in diagnose()}
    (told,) = diagnose(only=["invariants.hold"])
    assert (told.status, told.finding) == ("ok", "Every invariant holds.")


def test_the_doctor_changes_no_row():
    before = all_rows()
    diagnose(deep=True, only=[check.id for check in CHECKS if check.place != "storage"])
    assert all_rows() == before


def test_checks_of_rows_could_not_write_if_they_wanted_to(monkeypatch: pytest.MonkeyPatch):
    def scribble():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM rindle_asset")
        yield warn("wrote", "never")

    with_check(monkeypatch, scribble, place="database")
    logging.disable(logging.CRITICAL)
    try:
        (told,) = diagnose(only=["extra.one"])
    finally:
        logging.disable(logging.NOTSET)
    assert told.status == "error"
    assert "could not be completed" in told.finding


def test_a_read_only_look_leaves_the_callers_transaction_as_it_was():
    from django.db import transaction

    with transaction.atomic():
        with reading() as cursor, pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute("DELETE FROM rindle_asset")
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM rindle_asset")
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (RuntimeError("s3://user:secret@host"), "builtins.RuntimeError"),
        (
            TransientFailure("storage_unavailable", alias="a", operation="stat", detail="thunder"),
            "thunder",
        ),
    ],
)
def test_a_check_that_raises_costs_only_its_own_answer__C2_26(
    fault: Exception, reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.CRITICAL)

    def raising():
        raise fault

    with_check(monkeypatch, raising)
    found = diagnose()
    assert found[0].check == "extra.one"
    assert found[0].status == "error"
    assert reason in found[0].finding
    assert "secret" not in found[0].finding
    assert {each.check for each in found[1:]} == {c.id for c in CHECKS if not c.deep}


def test_one_check_tells_all_that_it_saw_even_if_it_then_raises_nothing_is_invented(
    monkeypatch: pytest.MonkeyPatch,
):
    with_check(monkeypatch, lambda: [warn("one", "do"), warn("two", "do")])
    assert [each.finding for each in diagnose(only=["extra.one"])] == ["one", "two"]


def test_each_completed_check_is_told_of(events: Recorder):
    found = diagnose(only=["database", "temp"])
    told = [each for each in events.emitted if each[0] == "rindle.runtime.check.stop"]
    assert [metadata["check"] for _, _, metadata in told] == list(
        dict.fromkeys(each.check for each in found)
    )
    for _, measurements, metadata in told:
        assert set(metadata) == {"check", "status", "component"}
        assert isinstance(measurements["duration"], int)
        assert 0 < measurements["duration"] < 60_000_000  # microseconds


def test_the_worst_of_a_check_is_what_is_told_of_it(
    events: Recorder, monkeypatch: pytest.MonkeyPatch
):
    from rindle_django.operations.doctor.diagnosis import error, ok

    with_check(monkeypatch, lambda: [ok("fine"), error("bad", "do"), warn("so", "do")])
    diagnose(only=["extra.one"])
    assert [each["status"] for each in events.named("rindle.runtime.check.stop")] == ["error"]


@pytest.mark.parametrize("name", ["nonsense", "tests.app.media.Photo", "", "queues.", "database.x"])
def test_a_check_that_there_is_not_is_refused_and_nothing_is_run__C1_11(
    name: str, events: Recorder
):
    with refused("unknown_check"):
        diagnose(only=["database", name])
    assert events.emitted == []


def test_profiles_are_those_of_the_running_project_unnamed__C1_6():
    with declared("late", content_types=("image/nonsense",)):
        found = [each for each in diagnose(only=["profiles.valid"]) if each.status == "error"]
    assert ["Late" in each.finding for each in found] == [True]


def test_settings_are_those_that_are_in_force__C1_6(settings):
    settings.RINDLE = {**settings.RINDLE, "LEASE": "soon"}
    (told,) = [each for each in diagnose(only=["settings"]) if each.status == "error"]
    assert "rindle.E002" in told.finding


def test_the_package_root_has_it():
    assert root_diagnose is diagnose is doctor.diagnose


def test_a_check_is_data_and_can_be_taken_apart():
    assert replace(CHECKS[0], component="x").component == "x"
