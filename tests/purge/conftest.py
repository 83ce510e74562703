"""Every test about deletion ends with a full listing of the storage, held against the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import files_in, ledger_keys
from tests.storms import sky

__all__ = ["sky"]


@pytest.fixture(autouse=True)
def _listing_equals_ledger(
    request: pytest.FixtureRequest, tmp_path: Path, transactional_db: None
) -> Iterator[None]:
    """What lies in the storage is known, and what is known to lie there does."""
    yield
    stored = {file for alias in ("default", "public") for file in files_in(tmp_path / alias)}
    assert stored <= ledger_keys("expected", "present", "doomed")
    assert ledger_keys("present") <= stored
    assert not stored & ledger_keys("gone")
