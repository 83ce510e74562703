"""What follows from events: counters, histograms, and notes on the span they happened in."""

from __future__ import annotations

from typing import Any

from rindle_django.errors import CODES
from rindle_django.events import Event, Measurements, Metadata, subscribe
from rindle_django.telemetry import meters, traces
from rindle_django.telemetry.names import COUNTING_EVENTS, TIMED_EVENTS, UNBOUNDED, label_names

# Reasons of rows that no error stands for.
OTHER_REASONS = frozenset({"unexpected", "worker_lost"})
OTHER = "other"
_ENDS = {
    ("rindle.asset.state_change", "quarantined"): "asset",
    ("rindle.variant.state_change", "failed"): "variant",
}


def connect() -> None:
    """Turn events into metrics from now on."""
    if meters.AVAILABLE:
        subscribe(_measure, hears=_kept_by_anybody)


def _kept_by_anybody(_event: Event) -> bool:
    return meters.measuring() or traces.tracing()


def labels(event: Event, metadata: Metadata) -> dict[str, Any]:
    """The bounded part of an event's metadata: its required keys, less the unbounded ones."""
    return {name: _scalar(metadata[name]) for name in label_names(event)}


def reason(code: object) -> str:
    """The reason as a label. Projects may quarantine for reasons of their own, of any number."""
    return str(code) if code in CODES or code in OTHER_REASONS else OTHER


def _scalar(value: object) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _measure(event: Event, measurements: Measurements, metadata: Metadata) -> None:
    known = labels(event, metadata)
    meters.record(event.name, 1, known)
    for name, value in measurements.items():
        _measure_one(event.name, name, value, known)
    if subject := _ENDS.get((event.name, str(metadata.get("to")))):
        about = {"subject": subject, "profile": str(metadata["profile"])}
        meters.record(
            "rindle.failures", 1, {**about, "reason": reason(metadata.get("reason_code"))}
        )
    if traces.noting():
        bounded = {key: value for key, value in metadata.items() if key not in UNBOUNDED}
        traces.note(event.name, {key: _scalar(value) for key, value in bounded.items()})


def _measure_one(event: str, name: str, value: float, known: dict[str, Any]) -> None:
    if name == "duration" and event in TIMED_EVENTS:
        meters.record(f"{event}.duration", value, known)
    elif name not in ("system_time", "duration") and event in COUNTING_EVENTS:
        meters.record(f"{event}.counts", value, {**known, "count": name})
