"""The machine itself: it reaches what it numbers, it sees what is broken, and a sample is alive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest

from rindle_django import ledger
from rindle_django.storage import adapter_for
from tests.durability.crashpoints.client import Client
from tests.durability.crashpoints.experiments import (
    Experiment,
    Fault,
    Outcome,
    enumerated,
    second_order,
)
from tests.durability.crashpoints.report import Report
from tests.durability.crashpoints.shards import Shard, running

PHOTO = "tests.durability.crashpoints.story.a_photos_life"
SAMPLE = 8
STRANGER = UUID(int=7)
ATTIC = f"variants/00/{STRANGER}"


def a_careless_life(client: Client, work: Callable[[], object]) -> None:
    client.does("store", _store_and_write_down_afterwards)


def _store_and_write_down_afterwards() -> None:
    key = f"{ATTIC}/{uuid4()}.png"
    adapter_for("default").put_stream(key, [b"bytes"], length=5, content_type="image/png", limit=5)
    ledger.adopt("default", key, asset_id=STRANGER, purpose="variant")


@pytest.fixture(scope="module")
def bench() -> Iterator[Shard]:
    with running(1, storage="filesystem", story=PHOTO) as shards:
        yield shards[0]


@pytest.fixture(scope="module")
def life(bench: Shard) -> Outcome:
    """The life without faults."""
    return bench.conduct(Experiment())


def points(outcome: Outcome, name: str, when: str) -> list[int]:
    return [
        number for number, crossing in enumerate(outcome.crossed, 1) if crossing[:2] == [name, when]
    ]


# --- the life ----------------------------------------------------------------------------------


def test_a_life_without_faults_is_not_complained_of(life: Outcome):
    assert life.violations == []
    assert len(life.crossed) > 150
    assert {name for name, _, _ in life.crossed} >= {
        *("commit", "write", "decoder", "decoder.start", "job.fetch", "job.finish"),
        *("workspace.enter", "workspace.exit", "storage.put_stream", "storage.stat"),
        *("storage.copy", "storage.download", "storage.put_file", "storage.delete"),
    }


def test_a_sample_of_all_points_is_survived(bench: Shard, life: Outcome):
    report = Report(life.crossed)
    every = len(life.crossed) // SAMPLE
    for experiment in enumerated(life.crossed, ["kill"], range(1, 1 << 30), every):
        outcome = bench.conduct(experiment)
        report.add(experiment, outcome)
        assert outcome.violations == [], f"{experiment} of {outcome.struck}"
        assert outcome.struck is not None
    assert report.violations == 0


@pytest.mark.parametrize(
    ("mode", "name", "when"),
    [
        ("error", "commit", "before"),
        ("lost", "commit", "after"),
        ("error", "storage.put_file", "before"),
        ("lost", "storage.copy", "after"),
    ],
)
def test_an_operation_that_fails_or_whose_answer_is_lost_is_survived(
    bench: Shard, life: Outcome, mode: str, name: str, when: str
):
    outcome = bench.conduct(Experiment(Fault(mode, points(life, name, when)[0])))
    assert outcome.struck is not None
    assert outcome.struck[:2] == [name, when]
    assert outcome.violations == []


def test_a_recovery_that_is_killed_as_well_is_recovered_from(bench: Shard, life: Outcome):
    first = Experiment(Fault("kill", points(life, "storage.put_file", "after")[0]))
    recovery = bench.conduct(first).crossed
    for experiment in second_order(first, len(recovery), 2):
        outcome = bench.conduct(experiment)
        assert outcome.struck_again is not None
        assert outcome.violations == []


# --- the machine -------------------------------------------------------------------------------


def test_a_point_that_is_not_reached_is_a_violation(bench: Shard, life: Outcome):
    outcome = bench.conduct(Experiment(Fault("kill", len(life.crossed) + 1)))
    assert outcome.struck is None
    assert outcome.violations[0].startswith("experiment: the process ended with 0")


def test_another_point_than_the_numbered_one_is_a_violation(life: Outcome):
    report = Report(life.crossed)
    report.add(Experiment(Fault("kill", 1)), Outcome(struck=["storage.stat", "before", ""]))
    report.add(Experiment(Fault("kill", 1)), Outcome(struck=life.crossed[0]))
    assert report.last_line() == "crash points: 2 violations: 1"


def test_an_object_that_is_stored_before_it_is_written_down_is_found():
    """Only between the two, which only a death there shows."""
    story = f"{__name__}.{a_careless_life.__name__}"
    with running(1, storage="filesystem", story=story) as (careless,):
        whole = careless.conduct(Experiment())
        assert whole.violations == []
        after = points(whole, "storage.put_stream", "after")[0]
        assert careless.conduct(Experiment(Fault("kill", after - 1))).violations == []
        broken = careless.conduct(Experiment(Fault("kill", after)))
    assert any(each.startswith("all_in_ledger: ") and ATTIC in each for each in broken.violations)
    assert any(each.startswith("orphan: ") and ATTIC in each for each in broken.violations)


def test_each_mode_strikes_only_where_it_can():
    crossed = [
        ["commit", "before", ""],
        ["commit", "after", ""],
        ["decoder", "before", ""],
        ["storage.copy", "before", ""],
        ["storage.copy", "after", ""],
    ]

    def numbers(mode: str, only: range = range(1, 99), every: int = 1) -> list[int]:
        chosen = enumerated(crossed, [mode], only, every)
        return [each.fault.number for each in chosen if each.fault]

    assert numbers("kill") == [1, 2, 3, 4, 5]
    assert numbers("kill", only=range(2, 4)) == [2, 3]
    assert numbers("kill", every=2) == [1, 3, 5]
    assert numbers("error") == [1, 4]
    assert numbers("lost") == [2, 5]


def test_a_recovery_is_struck_at_points_spread_over_all_of_it():
    first = Experiment(Fault("kill", 9))
    chosen = [each.second.number for each in second_order(first, 100, 4) if each.second]
    assert chosen == [1, 26, 51, 76]
    assert len(list(second_order(first, 3, 10))) == 3
    assert list(second_order(first, 0, 10)) == []
