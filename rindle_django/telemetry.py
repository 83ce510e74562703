"""OpenTelemetry, derived from the events: counters, histograms, and spans joined across processes.

Does nothing where ``opentelemetry-api`` is not installed (extra ``otel``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from rindle_django.events import Event, Measurements, Metadata, subscribe

try:
    from opentelemetry import metrics, propagate, trace

    AVAILABLE = True
except ImportError:  # the extra is not installed
    AVAILABLE = False

SCOPE = "rindle_django"
# Unbounded values never become labels: one time series an asset would sink any backend.
UNBOUNDED = frozenset({"key", "actor_subject", "asset_id", "variant_id", "session_id"})


@cache
def _counter(event: Event) -> Any:
    return metrics.get_meter(SCOPE).create_counter(event.name, description=event.emitted_when)


@cache
def _histogram(event: Event, measurement: str) -> Any:
    unit = "us" if measurement.startswith("duration") else "By" if "bytes" in measurement else "1"
    return metrics.get_meter(SCOPE).create_histogram(f"{event.name}.{measurement}", unit=unit)


def labels(event: Event, metadata: Metadata) -> dict[str, Any]:
    """The bounded part of an event's metadata: its required keys, less the unbounded ones."""
    names = [name for name in event.required if name not in UNBOUNDED]
    return {name: _scalar(metadata[name]) for name in names}


def _scalar(value: object) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _measure(event: Event, measurements: Measurements, metadata: Metadata) -> None:
    attributes = labels(event, metadata)
    _counter(event).add(1, attributes)
    for name, value in measurements.items():
        if name != "system_time":
            _histogram(event, name).record(value, attributes)
    span = trace.get_current_span()
    if span.is_recording():
        extra = {key: _scalar(value) for key, value in metadata.items() if key not in UNBOUNDED}
        span.add_event(event.name, attributes=extra)


def connect() -> None:
    """Turn events into metrics from now on."""
    if AVAILABLE:
        subscribe(_measure)


def current_traceparent() -> str:
    """The W3C ``traceparent`` of the current span, to be stored on a row; empty if none."""
    if not AVAILABLE:
        return ""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent", "")


@contextmanager
def span(
    name: str, *, parent: str = "", attributes: Mapping[str, str | int] | None = None
) -> Iterator[None]:
    """A span that continues the trace of the request that caused this work."""
    if not AVAILABLE:
        yield
        return
    context = propagate.extract({"traceparent": parent}) if parent else None
    tracer = trace.get_tracer(SCOPE)
    with tracer.start_as_current_span(name, context=context, attributes=dict(attributes or {})):
        yield
