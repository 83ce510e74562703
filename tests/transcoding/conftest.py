"""What the tests of transcoding share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rindle_django.profiles import MB, Recipe
from tests.kit import declared
from tests.storms import sky
from tests.transcoding.clips import PLAY, REEL, SLOW, STREAM

__all__ = ["sky"]


def _films(name: str, variants: dict[str, Recipe]) -> Any:
    return declared(
        name,
        variants=variants,
        content_types=("video/mp4",),
        max_bytes=20 * MB,
    )


@pytest.fixture
def reel() -> Iterator[str]:
    """Four variants, one of them of several files."""
    with _films("reel", REEL):
        yield "reel"


@pytest.fixture
def stream() -> Iterator[str]:
    """One variant, of several files."""
    with _films("stream", STREAM):
        yield "stream"


@pytest.fixture
def play() -> Iterator[str]:
    """One variant, of one file."""
    with _films("play", PLAY):
        yield "play"


@pytest.fixture
def slow() -> Iterator[str]:
    """One variant that takes many seconds to make of the long clip."""
    with _films("slow", SLOW):
        yield "slow"
