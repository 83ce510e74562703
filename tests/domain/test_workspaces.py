"""Folders for working copies: those of the living stay, however old; those of the dead go, however
young."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from rindle_django import workspace

HOUR = 3600.0


def aged(folder: Path, hours: float) -> Path:
    when = time.time() - hours * HOUR
    os.utime(folder, (when, when))
    return folder


def left_by_the_dead() -> Path:
    """What a process leaves that was killed in the midst of its work."""
    before = set(workspace.folders())
    pid = os.fork()
    if pid == 0:
        with workspace.workspace():
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    [folder] = set(workspace.folders()) - before
    return folder


def test_what_the_dead_left_goes_at_once_and_what_the_living_hold_stays():
    with workspace.workspace() as held:
        left = left_by_the_dead()
        aged(held, 50)
        assert list(workspace.abandoned(HOUR)) == [left]
        assert workspace.sweep(older_than=HOUR) == 1
        assert workspace.folders() == [held]
    assert workspace.folders() == []


def test_who_makes_a_folder_removes_what_the_dead_left_but_looks_only_now_and_then():
    left = left_by_the_dead()
    workspace._looked.clear()
    with workspace.workspace():
        assert not left.exists()
    left = left_by_the_dead()
    with workspace.workspace():
        assert left.exists()


def test_what_nobody_locked_goes_by_its_age():
    young, old = workspace.make("decoder-"), aged(workspace.make("decoder-"), 2)
    assert list(workspace.abandoned(HOUR)) == [old]
    assert young.exists()


def test_what_another_machine_locked_goes_by_its_age(monkeypatch: pytest.MonkeyPatch):
    """Its locks may not be seen from here."""
    left = left_by_the_dead()
    monkeypatch.setattr(workspace, "_machine", lambda: b"elsewhere")
    assert list(workspace.abandoned(HOUR)) == []
    aged(left, 2)
    assert list(workspace.abandoned(HOUR)) == [left]


def test_without_locks_work_goes_on_and_the_age_decides(monkeypatch: pytest.MonkeyPatch):
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with workspace.workspace() as folder:
        assert list(folder.iterdir()) == []
        assert list(workspace.abandoned(HOUR)) == []
        aged(folder, 2)
        assert list(workspace.abandoned(HOUR)) == [folder]
    assert workspace.folders() == []


def test_an_error_in_the_work_leaves_nothing():
    with suppress(ZeroDivisionError), workspace.workspace() as folder:
        (folder / "source").write_bytes(b"x")
        raise ZeroDivisionError
    assert not folder.exists()
    assert workspace.folders() == []
