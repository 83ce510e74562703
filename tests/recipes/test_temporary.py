"""What killed work left behind is swept, and nothing that may still be worked in."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from rindle_django import jobs, tasks, workspace
from rindle_django.operations.recipes import sweep_temp_files
from rindle_django.storage import adapter_for
from rindle_django.storage.filesystem import FileSystemAdapter
from rindle_django.testing import drain_jobs, recorded_events
from tests.commands.running import json_of, run
from tests.kit import refused

pytestmark = pytest.mark.django_db(transaction=True)


def left_behind(hours: float, size: int = 1000) -> Path:
    folder = workspace.make()
    (folder / "source").write_bytes(b"x" * size)
    when = time.time() - hours * 3600
    os.utime(folder, (when, when))
    return folder


def unfinished() -> Path:
    """What a write that was killed leaves in a file system storage."""
    adapter = adapter_for("default")
    assert isinstance(adapter, FileSystemAdapter)
    adapter.folder.temp.mkdir(parents=True)
    left = adapter.folder.temp / f"rindle-{'0' * 32}.part"
    left.write_bytes(b"half")
    old = time.time() - 6 * 3600
    os.utime(left, (old, old))
    return left


def test_unfinished_files_in_storages_go_too__C1_3():
    left = unfinished()
    assert sweep_temp_files().unfinished == 1
    assert left.exists()
    assert sweep_temp_files(dry_run=False).unfinished == 1
    assert not left.exists()


def test_old_folders_go_and_young_ones_stay():
    old, young = left_behind(5), left_behind(3)
    report = sweep_temp_files(dry_run=False)
    assert (report.folders, report.folder_bytes, report.errors) == (1, 1000, 0)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_preview_tells_folders_and_bytes_and_leaves_them__C1_3():
    old = left_behind(5, size=2000)
    found = json_of("rindle_sweep_temp_files")
    assert (found["folders"], found["folder_bytes"], found["dry_run"]) == (1, 2000, True)
    assert old.exists()


@pytest.mark.parametrize("age", ["0", "-1", "3599", "nan"])
def test_an_age_at_which_work_may_be_going_on_is_refused__C1_10(age: str):
    working = left_behind(0.5)
    said = run("rindle_sweep_temp_files", "--no-dry-run", f"--older-than={age}")
    assert said.code == 2
    assert "at least 3600 seconds" in said.err
    assert working.exists()


def test_the_least_age_is_twice_a_lease__C1_10(settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "LEASE": 9000}
    with refused("request_invalid"):
        sweep_temp_files(older_than=17_999)
    assert sweep_temp_files(older_than=18_000).older_than == 18_000
    assert sweep_temp_files().older_than == 18_000


def test_what_is_no_number_is_wrong_usage__C1_1():
    assert run("rindle_sweep_temp_files", "--older-than=2h").code != 0


def test_other_peoples_files_are_left_alone():
    root = workspace.root()
    other = root / "somebody"
    other.mkdir()
    (root / "rindle-work-notes.txt").write_text("mine")
    for each in (other, root / "rindle-work-notes.txt"):
        os.utime(each, (0, 0))
    assert sweep_temp_files(dry_run=False).folders == 0
    assert other.exists()
    assert (root / "rindle-work-notes.txt").exists()


def test_one_that_cannot_be_removed_is_told_and_costs_the_others_nothing__C1_8_C2_12(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Each with its own reason."""
    stuck, old = left_behind(6), left_behind(5)
    remove = os.rmdir

    def rmdir(path: str, *args: object, **options: object) -> None:
        if str(path).endswith(stuck.name):
            raise PermissionError(13, "Permission denied", str(path))
        remove(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "rmdir", rmdir)
    said = run("rindle_sweep_temp_files", "--no-dry-run")
    assert said.code == 1
    assert "errors: 1" in said.out
    assert not old.exists()
    [line] = [each.getMessage() for each in caplog.records if "could not be removed" in each.msg]
    assert stuck.name in line
    assert "Permission denied" in line


def test_it_can_be_scheduled_and_tells_what_it_did():
    old = left_behind(5)
    assert tasks.SCHEDULED["sweep_temp_files"].name == jobs.SWEEP.name
    jobs.enqueue(jobs.SWEEP)
    with recorded_events() as events:
        [outcome] = drain_jobs()
    assert outcome.error is None
    assert not old.exists()
    [(_, measured, metadata)] = [e for e in events.emitted if e[0] == "rindle.cleanup.run"]
    assert metadata == {"worker": "sweep_temp_files", "dry_run": False}
    assert measured["folders"] == 1
