"""The tables of states and edges: what the original allows, with its gaps closed."""

from __future__ import annotations

import pytest

from rindle_django.states import (
    ABSORBING_ASSET_STATES,
    ASSET,
    ATTACHABLE_ASSET_STATES,
    MACHINES,
    OPEN_SESSION_STATES,
    SESSION,
    VARIANT,
    Machine,
)

# The original's edges, in its own notation.
ORIGINAL = {
    "asset": """
        staged->validating; validating->analyzing; analyzing->promoting|quarantined;
        promoting->available; available->processing|transcoding|quarantined;
        processing->ready|quarantined; transcoding->ready|degraded|quarantined;
        ready->degraded|deleted; degraded->quarantined|deleted; quarantined->deleted
    """,
    "variant": """
        planned->queued|cancelled; queued->processing|cancelled;
        processing->ready|failed|cancelled; ready->stale|missing|purged; stale->queued|purged;
        missing->queued|purged; failed->queued|purged; cancelled->queued
    """,
    "session": """
        initialized->signed|aborted|expired|failed;
        signed->resuming|uploading|uploaded|verifying|aborted|expired|failed;
        resuming->uploading|aborted|expired|failed;
        uploading->uploaded|verifying|aborted|expired|failed; uploaded->verifying;
        verifying->completed|failed
    """,
}
STATES = {
    "asset": "staged validating analyzing promoting available processing transcoding ready "
    "degraded quarantined deleted",
    "variant": "planned queued processing ready stale missing failed cancelled purged",
    "session": "initialized signed resuming uploading uploaded verifying completed aborted expired "
    "failed",
    "object": "expected present doomed gone",
}


def edges_of(text: str) -> list[tuple[str, str]]:
    lines = [line.strip().split("->") for line in text.split(";")]
    return [(source, target) for source, targets in lines for target in targets.split("|")]


@pytest.mark.parametrize("name", STATES)
def test_every_state_of_the_contract_is_there_and_no_other(name: str):
    assert set(MACHINES[name].states) == set(STATES[name].split())


@pytest.mark.parametrize("name", ORIGINAL)
def test_every_edge_of_the_original_is_kept(name: str):
    refused = [edge for edge in edges_of(ORIGINAL[name]) if not MACHINES[name].allows(*edge)]
    assert refused == []


def reachable(machine: Machine) -> set[str]:
    found, frontier = {machine.initial}, [machine.initial]
    while frontier:
        for following in machine.edges[frontier.pop()] - found:
            found.add(following)
            frontier.append(following)
    return found


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda machine: machine.name)
def test_every_state_can_be_reached_and_no_edge_leads_nowhere(machine: Machine):
    assert reachable(machine) == set(machine.states)
    assert {each for targets in machine.edges.values() for each in targets} <= set(machine.states)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda machine: machine.name)
def test_no_state_leads_to_itself_or_back_to_birth(machine: Machine):
    assert not any(machine.allows(state, state) for state in machine.states)
    assert machine.sources_of(machine.initial) == set()


@pytest.mark.parametrize("state", [s for s in ASSET.states if s not in ABSORBING_ASSET_STATES])
def test_any_live_asset_can_be_quarantined_or_deleted__D8(state: str):
    assert ASSET.allows(state, "quarantined")
    assert ASSET.allows(state, "deleted")


def test_quarantined_and_deleted_absorb_unless_somebody_wishes_otherwise__D1():
    assert ASSET.edges["quarantined"] == {"deleted", "validating"}
    assert ASSET.on_request == {"quarantined>validating"}
    assert all("quarantined" not in ASSET.sources_of(state) for state in ASSET.states[:-1])
    assert ASSET.edges["deleted"] == set()
    assert ASSET.terminal == {"deleted"}


def test_an_edge_on_request_is_taken_by_who_names_its_source_alone():
    machine = Machine("small", {"a": frozenset("b"), "b": frozenset("a")}, frozenset({"b>a"}))
    assert machine.sources_of("a") == set()
    assert machine.sources_of("a", named={"b"}) == {"b"}
    assert machine.sources_of("b", named={"b"}) == set()
    assert "b>a" in machine.edge_list()


def test_a_staged_asset_can_be_ended__D8():
    assert ASSET.allows("staged", "deleted")


def test_degraded_returns_to_ready_when_its_variants_do__D8():
    assert ASSET.allows("degraded", "ready")


def test_a_killed_attempt_can_be_queued_again__D8_W1_6():
    assert VARIANT.allows("processing", "queued")


def test_the_states_a_variant_can_be_purged_from_are_all_but_purged():
    assert VARIANT.sources_of("purged") == set(VARIANT.states) - {"purged"}


def test_a_session_ends_once():
    assert SESSION.terminal == {"completed", "aborted", "expired", "failed"}
    assert SESSION.sources_of("completed") == {"verifying"}


def test_every_open_session_can_run_out_and_be_aborted_alike():
    assert set(SESSION.states) - SESSION.terminal - {"verifying"} == OPEN_SESSION_STATES
    assert SESSION.sources_of("aborted") == OPEN_SESSION_STATES


def test_only_uploads_that_were_verified_and_are_live_can_be_attached():
    assert ATTACHABLE_ASSET_STATES & {"staged", "quarantined", "deleted"} == set()


def test_the_guards_notation_holds_each_edge_and_the_birth():
    machine = Machine("small", {"b": frozenset({"a"}), "a": frozenset()})
    assert machine.edge_list() == (">b", "b>a")
