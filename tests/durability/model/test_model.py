"""Some histories against the reference; the command runs as many as it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test
from pytest_django import Settings

from tests.durability.model.ground import kept_in
from tests.durability.model.machine import FIRED, RULES, Machine
from tests.durability.model.world import weathered

EXAMPLES, STEPS = 8, 40


@pytest.fixture(autouse=True)
def _outdoors(tmp_path: Path, settings: Settings) -> Iterator[None]:
    for name, value in kept_in(tmp_path).items():
        setattr(settings, name, value)
    with weathered():
        yield


@pytest.mark.django_db(transaction=True)
def test_any_history_leaves_what_the_reference_says__I1_I24():
    before = FIRED.total()
    run_state_machine_as_test(
        Machine,
        settings=hypothesis_settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert FIRED.total() - before > EXAMPLES * STEPS / 2
    # A sample this small need not come to every rule; the command has to.
    assert len(set(RULES) & set(FIRED)) > len(RULES) / 2, set(RULES) - set(FIRED)
