"""Fixtures that every test may use; those of one area live beside its tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from rindle_django.testing import Recorder, recorded_events

pytest_plugins = [
    "tests.plugins.emptying",
    "tests.plugins.machine",
    "tests.servers.fixtures",
]
LOCAL = ("default", "public")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As for what a shell runs in the background. It would be ignored by all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_storage(tmp_path: Path, settings: Settings) -> None:
    """Each test has its own storage and folder for working copies, so that what is left in them can
    be counted."""
    work = tmp_path / "work"
    work.mkdir()
    settings.RINDLE = {**settings.RINDLE, "TEMP_DIR": str(work)}
    settings.STORAGES = {
        **settings.STORAGES,
        **{alias: _located(settings.STORAGES[alias], tmp_path / alias) for alias in LOCAL},
    }


def _located(storage: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {**storage, "OPTIONS": {**storage.get("OPTIONS", {}), "location": folder}}


@pytest.fixture(autouse=True)
def _no_jobs_of_others(request: pytest.FixtureRequest) -> None:
    """Django's flush between tests leaves Procrastinate's tables alone: it does not manage them."""
    marker = request.node.get_closest_marker("django_db")
    if marker is not None:
        # Also where nothing is committed: an earlier session may have left some (--reuse-db).
        request.getfixturevalue("transactional_db" if marker.kwargs.get("transaction") else "db")
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_periodic_defers")
            cursor.execute("DELETE FROM procrastinate_jobs")


@pytest.fixture
def media_folder(tmp_path: Path) -> Path:
    return tmp_path / "default"


@pytest.fixture
def events() -> Iterator[Recorder]:
    with recorded_events() as recorder:
        yield recorder


@pytest.fixture(autouse=True)
def _every_event_says_something() -> Iterator[None]:
    """Whatever a test is about: what is told on the way is told in full, and gives nothing away.

    Names, required keys and numbers are the emitter's to refuse (W2.3, W2.4).
    """
    with recorded_events() as recorder:
        yield
    for name, _, metadata in recorder.emitted:
        for key in ("profile", "adapter"):
            assert isinstance(metadata.get(key, ""), str), (name, metadata)
            assert metadata.get(key) != "unknown", (name, metadata)
        assert "://" not in repr(metadata), (name, metadata)
