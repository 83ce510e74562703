"""Requeue and cancel: what they report is what they do, dry or not."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import caused_by, locked, transition
from rindle_django.models import Asset, Repair, Transition, Variant
from rindle_django.operations.reconcile import reconcile
from rindle_django.operations.repair import RepairReport, cancel, requeue
from rindle_django.processing.aggregate import settle_asset
from rindle_django.states import ACTIVE_VARIANT_STATES, REQUEUEABLE_VARIANT_STATES
from rindle_django.testing import Recorder, drain_jobs
from tests.jobs.queue import forget_jobs, grace_passes
from tests.kit import arrive, fresh, picture, ready, refused, rolled_back, variant_states
from tests.repair.rows import everything

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = ["large", "medium", "thumb"]
VERBS = {"requeue": requeue, "cancel": cancel}


def waiting() -> Asset:
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    return fresh(asset)


def broken(**states: str) -> Asset:
    """An asset whose variants were ready and went along legal edges to ``states``."""
    asset = ready()
    for name, state in states.items():
        with locked(asset.pk) as current:
            variant = Variant.objects.get(asset=current, name=name)
            variant.asset = current
            for step in WAYS[state]:
                assert transition(variant, step, reason_code="image_truncated", wake_at=None)
            settle_asset(current)
    return fresh(asset)


WAYS = {
    "stale": ["stale"],
    "missing": ["missing"],
    "failed": ["queued", "failed"],
    "cancelled": ["queued", "cancelled"],
}


@pytest.mark.parametrize("state", WAYS)
def test_what_is_not_ready_is_made_again(state: str):
    asset = broken(medium=state)
    report = requeue(asset.pk)
    assert (report.result, report.variants) == ("changed", ["medium"])
    assert report.changes["variant medium"] == {"from": state, "to": "queued"}
    drain_jobs()
    assert fresh(asset).state == "ready"


@pytest.mark.parametrize("verb", VERBS)
def test_a_dry_run_says_exactly_what_would_change_and_writes_nothing(verb: str):
    asset = broken(large="failed", thumb="stale") if verb == "requeue" else waiting()
    before = everything()
    dry = VERBS[verb](asset.pk, dry_run=True)
    assert everything() == before
    wet = VERBS[verb](asset.pk)
    assert (dry.dry_run, wet.dry_run) == (True, False)
    assert (dry.changes, dry.variants, dry.result) == (wet.changes, wet.variants, wet.result)
    assert wet.changes["state"]["to"] == fresh(asset).state
    states = variant_states(asset)
    assert {name: wet.changes[f"variant {name}"]["to"] for name in wet.variants} == {
        name: states[name] for name in wet.variants
    }
    drain_jobs()


@pytest.mark.parametrize("verb", VERBS)
def test_twice_is_the_same_as_once(verb: str):
    asset = broken(large="failed") if verb == "requeue" else waiting()
    VERBS[verb](asset.pk)
    after = variant_states(asset)
    again = VERBS[verb](asset.pk)
    assert (again.result, again.variants, again.changes) == ("unchanged", [], {})
    assert variant_states(asset) == after
    drain_jobs()


def test_all_that_waits_is_cancelled_and_none_is_stranded__C2_29_U18():
    asset = waiting()
    assert set(variant_states(asset).values()) <= ACTIVE_VARIANT_STATES
    report = cancel(asset.pk)
    assert report.variants == NAMES
    assert variant_states(asset) == dict.fromkeys(NAMES, "cancelled")
    assert set(variant_states(asset).values()) <= REQUEUEABLE_VARIANT_STATES
    assert requeue(asset.pk).variants == NAMES
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_a_variant_that_became_ready_is_not_cancelled__C2_29():
    asset = ready()
    assert cancel(asset.pk).result == "unchanged"
    with refused("variant_not_cancellable"):
        cancel(asset.pk, ["thumb"])
    assert fresh(asset).state == "ready"


@pytest.mark.parametrize("way", ["reconciled", "cancelled and requeued"])
def test_a_variant_whose_job_was_lost_is_repaired__C2_19(way: str):
    asset = waiting()
    forget_jobs()
    grace_passes()
    if way == "reconciled":
        assert reconcile().variants == 3
    else:
        cancel(asset.pk)
        requeue(asset.pk)
    drain_jobs()
    assert fresh(asset).state == "ready"


@pytest.mark.parametrize("bad", ["", "nonsense", "{}", "123", "\x00", "a\udc80", None, 7], ids=repr)
@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_id_is_no_asset__C2_30(verb: str, bad: Any):
    with refused("asset_not_found"):
        VERBS[verb](bad)
    with refused("asset_not_found"):
        VERBS[verb]("00000000-0000-4000-8000-000000000000")


@pytest.mark.parametrize("verb", VERBS)
def test_a_name_that_there_is_not_changes_nothing(verb: str):
    asset = waiting()
    before = everything()
    with refused("unknown_variant"):
        VERBS[verb](asset.pk, ["no-such"])
    with pytest.raises(RequestRefused):
        VERBS[verb](asset.pk, ["thumb", "no-such"])
    assert everything() == before
    drain_jobs()


def test_each_repair_leaves_a_row_that_names_who_had_it_done__D10():
    asset = broken(medium="failed")
    with caused_by(command="rindle_repair"):
        requeue(asset.pk)
        requeue(asset.pk, dry_run=True)
    row = Repair.objects.get()
    assert (row.operation, row.asset_id, row.result) == ("requeue", asset.pk, "changed")
    assert row.cause == {"command": "rindle_repair", "repair": "requeue"}
    assert row.changes["variant medium"] == {"from": "failed", "to": "queued"}
    step = Transition.objects.filter(subject="variant", to_state="queued").latest("id")
    assert step.cause == {"command": "rindle_repair", "repair": "requeue"}
    drain_jobs()


def test_a_repair_tells_of_its_beginning_and_its_end(events: Recorder):
    asset = broken(medium="failed")
    requeue(asset.pk)
    requeue(asset.pk, dry_run=True)
    told = [
        (name, metadata["result"], metadata["dry_run"])
        for name, _, metadata in events.emitted
        if name.startswith("rindle.repair.")
    ]
    assert told == [
        ("rindle.repair.start", "started", False),
        ("rindle.repair.stop", "changed", False),
        ("rindle.repair.start", "started", True),
        ("rindle.repair.stop", "unchanged", True),
    ]
    _, measured, metadata = next(each for each in events.emitted if each[0].endswith("repair.stop"))
    assert (metadata["operation"], metadata["scope"]) == ("requeue", "asset")
    assert metadata["asset_id"] == str(asset.pk)
    assert measured["duration"] > 0
    drain_jobs()


def test_a_refusal_is_told_as_an_end_and_not_as_an_accident(events: Recorder):
    asset = ready()
    with refused("variant_not_cancellable"):
        cancel(asset.pk, ["thumb"])
    name, _, metadata = events.emitted[-1]
    assert (name, metadata["result"]) == ("rindle.repair.stop", "refused")
    assert metadata["reason_code"] == "variant_not_cancellable"
    assert not Repair.objects.exists()


def test_the_end_of_what_was_rolled_back_is_not_told(events: Recorder):
    asset = broken(medium="failed")
    before = everything()
    with rolled_back():
        assert requeue(asset.pk).result == "changed"
    assert everything() == before
    assert "rindle.repair.stop" not in [name for name, _, _ in events.emitted]


def test_a_refusal_inside_a_transaction_takes_the_repair_before_it_along():
    asset = broken(medium="failed")
    with refused("variant_not_requeueable"), transaction.atomic():
        requeue(asset.pk)
        requeue(asset.pk, ["medium"])
    assert variant_states(asset)["medium"] == "failed"


def test_a_budget_that_allows_no_try_is_refused():
    asset = broken(medium="failed")
    with refused("request_invalid"):
        requeue(asset.pk, tries=0)
    report: RepairReport = requeue(asset.pk, tries=9)
    assert report.variants == ["medium"]
    assert Variant.objects.get(asset=asset, name="medium").max_attempts == 9
    drain_jobs()
