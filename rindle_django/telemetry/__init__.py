"""OpenTelemetry: one trace for an asset across all processes, and metrics with bounded labels.

``names`` declares every span and metric. Without ``opentelemetry-api`` (extra ``otel``) all of this
does nothing; without an SDK that is set up it costs next to nothing.
"""

from rindle_django.telemetry.derived import connect, labels
from rindle_django.telemetry.meters import (
    AVAILABLE,
    Timing,
    measuring,
    observed,
    record,
    record_once_committed,
    timed,
)
from rindle_django.telemetry.names import GAUGES, METRICS, SPANS, UNBOUNDED
from rindle_django.telemetry.traces import (
    Span,
    current_traceparent,
    link,
    received,
    span,
    traced,
    tracing,
)

__all__ = [
    "AVAILABLE",
    "GAUGES",
    "METRICS",
    "SPANS",
    "UNBOUNDED",
    "Span",
    "Timing",
    "connect",
    "current_traceparent",
    "labels",
    "link",
    "measuring",
    "observed",
    "received",
    "record",
    "record_once_committed",
    "span",
    "timed",
    "traced",
    "tracing",
]
