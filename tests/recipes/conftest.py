"""After each test, nothing of the library is out of order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rindle_django import ImageRecipe, Profile
from rindle_django.operations.invariants import violations
from tests.kit import declared


@pytest.fixture
def poster(media_folder: Path) -> Iterator[type[Profile]]:
    """A profile whose recipes a test may change, as a deploy does."""
    variants = {
        "thumb": ImageRecipe(width=40, format="webp"),
        "wide": ImageRecipe(width=60, format="png"),
    }
    with declared("poster", variants=variants) as profile:
        yield profile


@pytest.fixture
def made_up_rows() -> None:
    """The test writes states of its own, without their history."""


@pytest.fixture(autouse=True)
def _in_order(request: pytest.FixtureRequest, media_folder: Path) -> Iterator[None]:
    media_folder.mkdir(exist_ok=True)
    (media_folder.parent / "public").mkdir(exist_ok=True)
    yield
    if "made_up_rows" not in request.fixturenames:
        assert violations() == []


def redeclare(profile: type[Profile], **variants: Any) -> None:
    """Deploy a change: these variants are declared from now on."""
    profile.variants = variants
