"""Fixtures that every test may use; those of one area live beside its tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from rindle_django.testing import Recorder, recorded_events

pytest_plugins = [
    "tests.plugins.machine",
]
LOCAL = ("default", "public")


@pytest.fixture(autouse=True)
def _own_storage(tmp_path: Path, settings: Settings) -> None:
    """Each test has its own storage, so that what is left in it can be counted."""
    settings.STORAGES = {
        **settings.STORAGES,
        **{alias: _located(settings.STORAGES[alias], tmp_path / alias) for alias in LOCAL},
    }


def _located(storage: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {**storage, "OPTIONS": {**storage.get("OPTIONS", {}), "location": folder}}


@pytest.fixture
def media_folder(tmp_path: Path) -> Path:
    return tmp_path / "default"


@pytest.fixture
def events() -> Iterator[Recorder]:
    with recorded_events() as recorder:
        yield recorder
