"""After each erasure, once all is at rest, all invariants hold."""

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
    media_folder.mkdir(exist_ok=True)
    yield
    SKY[0].clear_up()
    if request.node.get_closest_marker("bare_rows") is None:
        come_to_rest()
        assert violations(at_rest=True) == []
