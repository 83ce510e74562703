"""The primitive that changes states: a conditional write with its history, told after commit."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from rindle_django import signals
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import (
    caused_by,
    locked,
    record_births,
    transition,
    transition_all,
)
from rindle_django.models import Asset, Transition, Variant
from rindle_django.moves import Condition
from rindle_django.operations.reconcile import reconcile
from rindle_django.outbox import emit_pending
from rindle_django.testing import Recorder
from tests.crowd import at_once
from tests.rows import asset_in, session_in, variant_in

pytestmark = pytest.mark.django_db(transaction=True)


def history(row: object) -> list[tuple[str, str]]:
    rows = Transition.objects.filter(subject_id=getattr(row, "pk", row)).order_by("id")
    return list(rows.values_list("from_state", "to_state"))


def test_a_transition_moves_the_row_and_writes_its_history():
    asset = asset_in("staged")
    assert transition(asset, "validating", byte_size=7) is True
    asset.refresh_from_db()
    assert (asset.state, asset.byte_size) == ("validating", 7)
    assert history(asset) == [("staged", "validating")]


def test_a_lost_race_returns_false_and_writes_nothing():
    asset = asset_in("staged")
    stale = Asset.objects.get(pk=asset.pk)
    transition(asset, "deleted")
    assert transition(stale, "validating", byte_size=7) is False
    asset.refresh_from_db()
    assert (asset.state, asset.byte_size) == ("deleted", None)
    assert history(asset) == [("staged", "deleted")]


def test_an_edge_that_is_not_in_the_table_is_a_lost_race():
    asset = asset_in("staged")
    assert transition(asset, "ready") is False
    assert history(asset) == []


def test_only_from_narrows_the_sources_and_never_widens_them():
    asset = asset_in("ready")
    assert transition(asset, "quarantined", only_from={"degraded"}) is False
    assert transition(asset, "validating", only_from={"ready"}) is False
    assert transition(asset, "quarantined", only_from={"ready"}) is True


def test_a_condition_that_does_not_hold_refuses():
    asset = asset_in("validating", fence=4)
    assert transition(asset, "analyzing", where=Condition("fence = %s", 3)) is False
    assert transition(asset, "analyzing", where=Condition("fence = %s", 4)) is True


def test_computed_fields_are_read_back():
    asset = asset_in("validating", fence=4)
    transition(asset, "analyzing", fence=F("fence") + 1, lease_until=Now() + timedelta(hours=1))
    assert asset.fence == 5
    assert asset.lease_until is not None
    assert asset.lease_until > asset.updated_at


def test_of_several_rows_those_move_that_can_and_they_are_named():
    asset = asset_in("staged")
    waiting = variant_in("planned", asset=asset, name="a")
    done = variant_in("ready", asset=asset, name="b")
    gone = variant_in("purged", asset=asset, name="c")
    assert transition_all([waiting, done, gone], "queued") == [waiting, done]
    states = dict(Variant.objects.filter(asset=asset).values_list("name", "state"))
    assert states == {"a": "queued", "b": "queued", "c": "purged"}
    assert history(gone) == []


def test_no_rows_is_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert transition_all([], "queued") == []


def test_of_many_who_want_the_same_transition_one_gets_it():
    asset = asset_in("staged")
    answers = at_once(
        *[lambda: transition(Asset.objects.get(pk=asset.pk), "validating") for _ in range(8)]
    )
    assert sorted(answers) == [False] * 7 + [True]
    assert history(asset) == [("staged", "validating")]


def test_of_two_who_want_different_ends_one_gets_its_own():
    session = session_in("signed")
    completed, expired = at_once(
        lambda: transition(type(session).objects.get(pk=session.pk), "verifying"),
        lambda: transition(type(session).objects.get(pk=session.pk), "expired"),
    )
    assert {completed, expired} == {True, False}
    session.refresh_from_db()
    assert session.state == ("verifying" if completed else "expired")


def test_a_rollback_takes_state_and_history_and_event_along__D9(events: Recorder):
    asset = asset_in("staged")
    with transaction.atomic():
        transition(asset, "validating")
        transaction.set_rollback(True)
    assert Asset.objects.get(pk=asset.pk).state == "staged"
    assert history(asset) == []
    assert events.emitted == []


def test_an_event_waits_for_the_outermost_commit__D9(events: Recorder):
    asset = asset_in("staged")
    with transaction.atomic():
        with transaction.atomic():
            transition(asset, "validating")
        assert events.emitted == []
    [told] = events.named("rindle.asset.state_change")
    assert (told["from"], told["to"]) == ("staged", "validating")
    assert (told["profile"], told["adapter"]) == ("photo", "filesystem")
    assert told["asset_id"] == str(asset.pk)


def test_a_refused_transition_tells_nothing__D9(events: Recorder):
    asset = asset_in("deleted")
    transition(asset, "ready")
    assert events.emitted == []


def test_a_receiver_that_raises_changes_no_outcome__U21(caplog):
    def clumsy(**_: object) -> None:
        raise RuntimeError("dropped the tray")

    asset = asset_in("staged")
    signals.asset_state_change.connect(clumsy)
    try:
        with caplog.at_level(logging.CRITICAL, "rindle_django.signals"):
            assert transition(asset, "validating") is True
    finally:
        signals.asset_state_change.disconnect(clumsy)
    assert Asset.objects.get(pk=asset.pk).state == "validating"


def test_every_kind_of_row_tells_its_story__D9(events: Recorder):
    session, variant = session_in("initialized"), variant_in("planned")
    record_births([session])
    transition(session, "verifying")
    transition(session, "completed")
    transition(variant, "queued")
    assert [name for name, _, _ in events.emitted] == [
        "rindle.upload.start",
        "rindle.upload.stop",
        "rindle.variant.state_change",
    ]
    assert events.named("rindle.variant.state_change")[0]["variant_name"] == "thumb"
    assert events.named("rindle.upload.stop")[0]["session_id"] == str(session.pk)


def test_no_entry_is_sent_twice_however_often_and_by_however_many(events: Recorder):
    asset = asset_in("staged")
    transition(asset, "validating")
    ids = list(Transition.objects.values_list("pk", flat=True))
    assert at_once(*[lambda: emit_pending(ids) for _ in range(4)]) == [0] * 4
    Transition.objects.update(emitted_at=None)
    assert sum(at_once(*[lambda: emit_pending(ids) for _ in range(4)])) == 1
    assert len(events.emitted) == 2


def test_what_a_dead_process_did_not_tell_the_reconciler_does(events: Recorder):
    asset = asset_in("staged")
    with transaction.atomic():
        transition(asset, "validating")
        connection.run_on_commit.clear()  # the process dies between its commit and the telling
    assert events.emitted == []
    assert reconcile().events == 0  # it may only be slow
    Transition.objects.update(at=Now() - timedelta(minutes=5))
    assert reconcile().events == 1
    assert reconcile().events == 0
    assert len(events.named("rindle.asset.state_change")) == 1


def test_history_says_what_caused_a_transition():
    asset = asset_in("staged")
    with caused_by(command="rindle_tidy"), caused_by(user="7"):
        transition(asset, "validating")
    transition(asset, "analyzing")
    causes = Transition.objects.order_by("id").values_list("cause", flat=True)
    assert list(causes) == [{"command": "rindle_tidy", "user": "7"}, {}]


def test_history_keeps_the_reason_code():
    asset = asset_in("analyzing")
    transition(asset, "quarantined", reason_code="empty_file", reason="The file is empty.")
    assert Transition.objects.get().reason_code == "empty_file"


def test_the_lock_on_an_asset_that_is_gone_is_a_typed_refusal():
    with pytest.raises(RequestRefused) as refusal, locked(uuid4()):
        pass
    assert refusal.value.code == "asset_not_found"
