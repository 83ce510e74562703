"""What the doctor says of our own rows and of the machine that it runs on."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from rindle_django import discard
from rindle_django.models import Asset, Transition, Variant
from rindle_django.purge import purge
from tests.doctor.full_disk import on_a_full_disk
from tests.doctor.signs import said_by, told
from tests.durability.test_invariants import by_force
from tests.jobs.queue import grace_passes
from tests.kit import ready, settle
from tests.storms import Sky, sky

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["sky"]


def test_what_is_long_due_is_named():
    assert said_by("rows.overdue") == []
    asset = ready()
    Asset.objects.filter(pk=asset.pk).update(wake_at=Now())
    assert said_by("rows.overdue") == []
    grace_passes(600)
    diagnosis = told("rows.overdue")
    assert "1 asset due and not looked at, the oldest for 10 minutes" in diagnosis.finding
    assert "rindle_reconcile" in diagnosis.fix


def test_a_lease_that_nobody_took_over_is_named():
    ready()
    Variant.objects.filter(name="thumb").update(lease_until=Now(), wake_at=Now())
    grace_passes(600)
    assert "1 variant held by workers that died" in told("rows.leases").finding


def test_a_lease_that_runs_is_nobodys_loss():
    ready()
    by_force(
        "UPDATE rindle_variant SET lease_until = now() + interval '1 minute',"
        " wake_at = now() - interval '1 hour' WHERE name = 'thumb'"
    )
    assert said_by("rows.leases") == []


def test_a_deletion_that_the_storage_does_not_confirm_is_named_with_its_reason__C2_21(sky: Sky):
    asset = ready()
    discard(asset.pk)
    settle(asset.pk)
    sky.break_down("delete")
    purge(asset.pk)
    diagnosis = told("ledger.deletions")
    assert "4 objects: storage_unavailable" in diagnosis.finding
    sky.clear_up()
    purge(asset.pk)
    assert said_by("ledger.deletions") == []


def test_transitions_that_were_not_told_of_are_named():
    ready()
    Transition.objects.update(emitted_at=None)
    assert said_by("rows.events") == []
    grace_passes(600)
    assert "transitions not told of, the oldest for 10 minutes" in told("rows.events").finding


# --- the folder for working copies -------------------------------------------------------------


def test_a_folder_that_there_is_not_is_named(settings: Settings, tmp_path: Path):
    settings.RINDLE = {**settings.RINDLE, "TEMP_DIR": str(tmp_path / "nowhere")}
    diagnosis = told("temp.folder")
    assert diagnosis.status == "error"
    assert "nowhere, does not exist" in diagnosis.finding


def test_a_disk_that_is_full_is_named():
    diagnosis = on_a_full_disk(told, "temp.folder")
    assert diagnosis.status == "error"
    assert "ENOSPC" in diagnosis.finding
    assert diagnosis.fix.startswith("Make room there: rindle_sweep_temp_files --no-dry-run")


@pytest.mark.parametrize(("share", "status"), [(0.5, "error"), (2.0, "warn"), (3.5, None)])
def test_too_little_room_is_said(share: float, status: str | None, monkeypatch: pytest.MonkeyPatch):
    largest = 25 << 20  # the default of a profile
    usage = SimpleNamespace(free=int(share * largest))
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert [each.status for each in said_by("temp.folder")] == ([status] if status else [])


def test_working_copies_of_killed_work_are_counted(settings: Settings):
    left = Path(str(settings.RINDLE["TEMP_DIR"])) / "rindle-work-left"
    left.mkdir()
    assert said_by("temp.leftovers") == []
    os.utime(left, (0, 0))
    assert "1 working copy of killed work" in told("temp.leftovers").finding
    assert left.exists()


# --- invariants --------------------------------------------------------------------------------


def test_a_broken_invariant_is_told_with_what_mends_it(media_folder: Path):
    asset = ready()
    assert said_by("invariants") == []
    assert asset.original is not None
    (media_folder / asset.original.key).unlink()
    diagnosis = told("invariants.hold")
    assert "present_exists is broken 1 time (" in diagnosis.finding
    assert str(asset.original.pk) in diagnosis.finding
    assert "rindle_verify_storage" in diagnosis.fix


def test_bytes_are_read_only_when_that_is_asked_for(media_folder: Path):
    asset = ready()
    assert asset.original is not None
    path = media_folder / asset.original.key
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(bytes(len(content)))
    assert said_by("invariants") == []
    (told_of,) = said_by("invariants", checksums=True)
    assert "present_unchanged" in told_of.finding


def test_many_violations_are_a_number_and_a_few_samples():
    for _ in range(3):
        ready()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rindle_transition SET emitted_at = NULL")
    grace_passes(7200)
    (found,) = [each for each in said_by("invariants") if "told_in_time" in each.finding]
    assert found.finding.count(" became ") == 5
    assert " more" in found.finding
