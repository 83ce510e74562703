"""Fixtures of the tests about promotion."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from tests.storms import sky

__all__ = ["sky"]


@pytest.fixture(autouse=True)
def _mounted(media_folder: Path) -> None:
    """A folder that does not exist is a volume that is not mounted, not an empty storage."""
    media_folder.mkdir()


@pytest.fixture(autouse=True)
def _no_waiting_between_tries(settings: Settings) -> None:
    """Tries follow each other at once; rounds stay apart."""
    settings.RINDLE = {**settings.RINDLE, "BACKOFF_BASE": 0}
