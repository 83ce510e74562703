"""Every race ends at rest: late writers had their time, all jobs ran, and all invariants hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rindle_django.operations.invariants import violations
from tests.races.rest import come_to_rest
from tests.storms import SKY, sky

__all__ = ["sky"]


@pytest.fixture(autouse=True)
def _all_invariants_hold_afterwards(
    request: pytest.FixtureRequest, transactional_db: None, media_folder: Path
) -> Iterator[None]:
    media_folder.mkdir()
    yield
    SKY[0].clear_up()
    come_to_rest()
    assert violations(at_rest=True, checksums=True) == []
