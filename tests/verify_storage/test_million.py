"""The trial of a million, with some thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verify_storage.million import Seeds, shortfalls, trial


@pytest.mark.django_db(transaction=True)
def test_a_crowded_storage_is_verified_in_little_memory(media_folder: Path):
    seeds = Seeds(6000)
    media_folder.mkdir()

    assert shortfalls(seeds, trial(seeds, media_folder)) == []
