"""What the tests of markup share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rindle_django.profiles import unregister
from rindle_django.profiles.base import register
from tests.markup.exhibits import Film, Shop
from tests.storms import sky

__all__ = ["sky"]


@pytest.fixture(autouse=True)
def _profiles() -> Iterator[None]:
    """Known for one test: what is declared for good, all checks would look at."""
    for profile in (Shop, Film):
        register(profile)
    yield
    for profile in (Shop, Film):
        unregister(profile)
