"""The locked telemetry contract: the events, and the single place that emits them.

Signals, OpenTelemetry, the documentation's table and the contract test derive from ``EVENTS``.
Names, required metadata and measurement types change only with a major version.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

logger = logging.getLogger(__name__)

Measurements = Mapping[str, int | float]
Metadata = Mapping[str, object]
Subscriber = Callable[["Event", Measurements, Metadata], None]
Interest = Callable[["Event"], bool]


@dataclass(frozen=True)
class Event:
    name: str
    emitted_when: str
    required: tuple[str, ...]

    @property
    def signal_name(self) -> str:
        return self.name.removeprefix("rindle.").replace(".", "_")


def _event(name: str, emitted_when: str, required: str) -> Event:
    return Event(f"rindle.{name}", emitted_when, tuple(required.split()))


_TRANSCODE = "profile asset_id variant_id variant_name preset output_kind"

EVENTS: dict[str, Event] = {
    event.name: event
    for event in (
        _event("upload.start", "session initiated, after commit", "profile adapter"),
        _event("upload.stop", "completion verified, after commit", "profile adapter"),
        _event("asset.state_change", "every committed asset transition", "profile adapter from to"),
        _event(
            "variant.state_change", "every committed variant transition", "profile adapter from to"
        ),
        _event("delivery.signed", "a delivery URL was issued", "profile adapter mode"),
        _event(
            "delivery.streaming.resolved",
            "a streaming URL was resolved",
            "profile adapter mode kind mime",
        ),
        _event(
            "delivery.range_request",
            "the local delivery view served a range",
            "profile adapter key actor_subject",
        ),
        _event("cleanup.run", "every run of a cleanup worker", "worker"),
        _event("repair.start", "asset-scoped repair begins", "operation scope result dry_run"),
        _event("repair.stop", "asset-scoped repair completes", "operation scope result dry_run"),
        _event(
            "repair.exception",
            "asset-scoped repair raises unexpectedly",
            "operation scope result dry_run",
        ),
        _event(
            "runtime.refusal", "runtime status refuses an invalid request", "surface reason mode"
        ),
        _event("runtime.check.stop", "a doctor check completed", "check status component"),
        _event("media.transcode.start", "AV transcode begins", _TRANSCODE),
        _event("media.transcode.stop", "AV transcode succeeds", _TRANSCODE),
        _event("media.transcode.exception", "AV transcode failed", f"{_TRANSCODE} kind reason"),
    )
}

_subscribers: dict[Subscriber, Interest] = {}


class ContractBroken(Exception):
    """An event outside the contract: a fault of the library, never of its users."""


def _always(_event: Event) -> bool:
    return True


def subscribe(subscriber: Subscriber, *, hears: Interest = _always) -> None:
    """Have ``subscriber`` called for every event that is emitted from now on.

    ``hears`` says whether it would do anything with such an event, if it passes events on to
    others of whom there may be none.
    """
    _subscribers.setdefault(subscriber, hears)


def unsubscribe(subscriber: Subscriber) -> None:
    del _subscribers[subscriber]


def heard(name: str) -> bool:
    """Whether anybody would notice such an event at this moment. Who emits a great many need not
    make them for nobody."""
    return any(hears(EVENTS[name]) for hears in tuple(_subscribers.values()))


def emit(name: str, metadata: Metadata, measurements: Measurements | None = None) -> None:
    """Send one event. Subscribers that raise are logged and change nothing.

    Raises ContractBroken on an unknown name, a missing key or a measurement that is no number.
    """
    event = EVENTS.get(name)
    if event is None:
        raise ContractBroken(f"{name} is not one of the contract's events")
    numbers: dict[str, int | float] = {"system_time": time.time_ns() // 1000}
    numbers.update(measurements or {})
    _verify(event, numbers, metadata)
    for subscriber in tuple(_subscribers):
        _call_robustly(subscriber, event, numbers, metadata)


def _verify(event: Event, measurements: Measurements, metadata: Metadata) -> None:
    missing = [key for key in event.required if metadata.get(key) in (None, "")]
    if missing:
        raise ContractBroken(f"{event.name} lacks {', '.join(missing)}")
    for key, value in measurements.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ContractBroken(f"{event.name}: measurement {key} is not a number")


def _call_robustly(
    subscriber: Subscriber, event: Event, measurements: Measurements, metadata: Metadata
) -> None:
    try:
        subscriber(event, measurements, metadata)
    except Exception:
        logger.exception("Subscriber %r of %s raised", subscriber, event.name)
