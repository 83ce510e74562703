"""The locked contract: sixteen events, one emitter, and what each of them has to say."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from rindle_django import events as telemetry_events, signals
from rindle_django.events import EVENTS, ContractBroken, emit, subscribe, unsubscribe
from rindle_django.testing import Recorder, drain_jobs, recorded_events
from tests.kit import arrive, fresh, picture, variant_states

TRANSCODE = {"profile", "asset_id", "variant_id", "variant_name", "preset", "output_kind"}
REPAIR = {"operation", "scope", "result", "dry_run"}
CONTRACT: dict[str, set[str]] = {
    "rindle.upload.start": {"profile", "adapter"},
    "rindle.upload.stop": {"profile", "adapter"},
    "rindle.asset.state_change": {"profile", "adapter", "from", "to"},
    "rindle.variant.state_change": {"profile", "adapter", "from", "to"},
    "rindle.delivery.signed": {"profile", "adapter", "mode"},
    "rindle.delivery.streaming.resolved": {"profile", "adapter", "mode", "kind", "mime"},
    "rindle.delivery.range_request": {"profile", "adapter", "key", "actor_subject"},
    "rindle.cleanup.run": {"worker"},
    "rindle.repair.start": REPAIR,
    "rindle.repair.stop": REPAIR,
    "rindle.repair.exception": REPAIR,
    "rindle.runtime.refusal": {"surface", "reason", "mode"},
    "rindle.runtime.check.stop": {"check", "status", "component"},
    "rindle.media.transcode.start": TRANSCODE,
    "rindle.media.transcode.stop": TRANSCODE,
    "rindle.media.transcode.exception": TRANSCODE | {"kind", "reason"},
}
GOOD = {"profile": "photo", "adapter": "filesystem", "mode": "private"}


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Receivers that raise are logged; here they raise on purpose."""
    caplog.set_level(logging.CRITICAL)


def test_there_are_exactly_these_sixteen_events_with_these_keys():
    assert {name: set(event.required) for name, event in EVENTS.items()} == CONTRACT
    assert len(CONTRACT) == 16


@pytest.mark.parametrize("name", CONTRACT)
def test_each_event_is_a_signal_of_the_same_name(name: str):
    signal = getattr(signals, name.removeprefix("rindle.").replace(".", "_"))
    heard: list[dict[str, Any]] = []

    def listen(sender: object, **kwargs: Any) -> None:
        heard.append(kwargs)

    signal.connect(listen)
    try:
        metadata = dict.fromkeys(CONTRACT[name], "x")
        emit(name, metadata, {"things": 3})
    finally:
        signal.disconnect(listen)
    (call,) = heard
    assert call["metadata"] == metadata
    assert call["measurements"]["things"] == 3
    assert isinstance(call["measurements"]["system_time"], int)


def test_a_signal_outside_the_contract_does_not_exist():
    with pytest.raises(AttributeError):
        signals.upload_began  # noqa: B018
    assert len(signals.SIGNALS) == 16


def test_the_closed_list_is_closed_at_the_only_emitter__W2_4(events: Recorder):
    for name in ("rindle.upload.began", "upload.start", "rindle.media.sweep_orphans.stop", ""):
        with pytest.raises(ContractBroken):
            emit(name, GOOD)
    assert events.emitted == []


def test_there_is_no_other_way_out_than_the_emitter__W2_4():
    import pathlib
    import re

    import rindle_django

    package = pathlib.Path(rindle_django.__file__).parent
    senders = {
        path.name
        for path in package.rglob("*.py")
        if re.search(r"\.send(_robust)?\(|\.create_counter\(", path.read_text())
    }
    assert senders == {"signals.py", "meters.py"}


@pytest.mark.parametrize("value", [None, ""])
def test_a_required_key_without_information_is_refused__W2_3(value: str | None, events: Recorder):
    for key in GOOD:
        with pytest.raises(ContractBroken, match=key):
            emit("rindle.delivery.signed", {**GOOD, key: value})
        with pytest.raises(ContractBroken, match=key):
            emit("rindle.delivery.signed", {each: GOOD[each] for each in GOOD if each != key})
    assert events.emitted == []


@pytest.mark.parametrize("value", ["12", None, True, [1], {"a": 1}])
def test_a_measurement_that_is_no_number_is_refused__W2_5(value: Any, events: Recorder):
    with pytest.raises(ContractBroken, match="duration"):
        emit("rindle.delivery.signed", GOOD, {"duration": value})
    assert events.emitted == []


def test_a_false_value_of_a_required_key_is_information():
    with recorded_events() as recorder:
        metadata = {"operation": "requeue", "scope": "asset", "result": "ok", "dry_run": False}
        emit("rindle.repair.stop", metadata)
    assert recorder.named("rindle.repair.stop") == [metadata]


@pytest.mark.django_db(transaction=True)
def test_receivers_that_raise_change_nothing__W1_23():
    def deaf(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("I did not want to know")

    subscribe(deaf)
    for signal in signals.SIGNALS.values():
        signal.connect(deaf)
    try:
        with recorded_events() as recorder:
            asset = arrive(picture(60, 40))
            drain_jobs()
    finally:
        unsubscribe(deaf)
        for signal in signals.SIGNALS.values():
            signal.disconnect(deaf)
    assert fresh(asset).state == "ready"
    assert set(variant_states(asset).values()) == {"ready"}
    assert len(recorder.named("rindle.asset.state_change")) == 6


def test_one_subscriber_is_told_once_however_often_it_subscribes():
    recorder = Recorder()
    subscribe(recorder)
    subscribe(recorder)
    try:
        emit("rindle.delivery.signed", GOOD)
    finally:
        unsubscribe(recorder)
    emit("rindle.delivery.signed", GOOD)
    assert len(recorder.emitted) == 1
    assert recorder not in telemetry_events._subscribers


def test_two_recorders_both_hear_everything():
    with recorded_events() as outer, recorded_events() as inner:
        emit("rindle.delivery.signed", GOOD)
    emit("rindle.delivery.signed", GOOD)
    assert len(outer.emitted) == len(inner.emitted) == 1
