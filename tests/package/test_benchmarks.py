"""The benchmark measures what it promises to: no figure is without somebody who hands it in."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.explanations import WHY_MISSED, why
from benchmarks.parts import PARTS
from benchmarks.targets import TARGETS


@pytest.mark.parametrize("part", PARTS)
def test_every_part_can_be_run_and_hands_in(part: str):
    spec = find_spec(f"benchmarks.{part}")
    assert spec is not None
    if spec.submodule_search_locations is not None:
        spec = find_spec(f"benchmarks.{part}.__main__")
    assert spec is not None
    assert spec.origin is not None
    assert "hand_in(" in Path(spec.origin).read_text()


def test_only_figures_that_there_are_can_be_explained():
    assert set(WHY_MISSED) <= set(TARGETS)


# Stands in until a run has measured it.
PROFILE = {
    **{
        f"{which}.all.{what}": 1.0
        for which in ("large", "small")
        for what in ("jobs", "statements")
    },
    "large.layer.one": 1.0,
    "small.layer.one": 1.0,
    "verify.verify_upload.one": 1.0,
    "memory.worker.one": 1.0,
    "timeline.begins.decode (render)": 1.0,
}


@pytest.mark.parametrize("key", WHY_MISSED)
def test_explanations_take_their_figures_from_the_results(key: str):
    details = {"profile": PROFILE, **results.read()["details"]}
    assert not why(key, details).startswith("told once")
