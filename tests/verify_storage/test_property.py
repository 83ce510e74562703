"""Whatever happens at whichever step of a scan: the live stay, and the planted are found."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.verify_storage.weather import OPERATIONS, Site, clear_away, one_round

pytestmark = pytest.mark.django_db(transaction=True)
FEW = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FEW
@given(
    scans=st.lists(
        st.tuples(
            st.integers(1, 4), st.lists(st.sampled_from(OPERATIONS), min_size=1, max_size=12)
        ),
        min_size=1,
        max_size=4,
    ),
    choices=st.randoms(use_true_random=False),
)
def test_nothing_that_lives_is_deleted_and_every_orphan_is_found(
    media_folder: Path, scans: list[tuple[int, list[str]]], choices: Random
):
    clear_away()
    shutil.rmtree(media_folder, ignore_errors=True)
    media_folder.mkdir()
    site = Site(lambda count: choices.randrange(count))
    for operation in ("begin", "write", "confirm", "plant"):
        site.do(operation)
    for every, operations in scans:
        left = iter(operations)
        site.verify_among(left, every)
        for operation in left:
            site.do(operation)
    assert site.judged() == []


def test_a_long_spell_of_it(media_folder: Path):
    media_folder.mkdir()
    site = one_round(Random(1), 150, media_folder)
    assert site.judged() == []
    assert site.done.total() >= 150
    assert site.adopted == site.planted != set()
