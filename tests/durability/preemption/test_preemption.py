"""A sample of the schedules; the command plays all of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.durability.model.ground import kept_in
from tests.durability.model.world import small_pictures
from tests.durability.preemption import UNATTACHED_TTL
from tests.durability.preemption.operations import OPERATIONS
from tests.durability.preemption.stage import Theatre, all_pairs, open_theatre

SEED, PARTNERS = 7, 2


@pytest.fixture
def theatre(tmp_path: Path, settings: Settings, transactional_db: None) -> Iterator[Theatre]:
    for name, value in kept_in(tmp_path, UNATTACHED_TTL=UNATTACHED_TTL).items():
        setattr(settings, name, value)
    with small_pictures(), open_theatre() as opened:
        yield opened


@pytest.mark.django_db(transaction=True)
def test_whoever_comes_at_whatever_point__I1_I24(theatre: Theatre):
    chance = random.Random(SEED)
    pairs = [
        pair
        for name, each in OPERATIONS.items()
        if each.interruptible
        for pair in chance.sample(all_pairs([f"{name}:*"]), PARTNERS)
    ]
    verdicts = [theatre.play(pair, chance.randint(1, theatre.count_of(pair))) for pair in pairs]
    assert [f"{each}: {each.violations}" for each in verdicts if each.violations] == []
    assert len(verdicts) == (len(OPERATIONS) - 1) * PARTNERS
