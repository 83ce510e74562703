"""The library's own spans, as lines of a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult


class Lines(SpanExporter):
    """A line for each span: name, and when it began and ended, in seconds."""

    def __init__(self, place: Path) -> None:
        self.file = place.open("a", buffering=1)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            operation = (span.attributes or {}).get("rindle.operation")
            name = span.name.removeprefix("rindle.") + (f" ({operation})" if operation else "")
            line = [name, (span.start_time or 0) / 1e9, (span.end_time or 0) / 1e9]
            self.file.write(json.dumps(line) + "\n")
        return SpanExportResult.SUCCESS


def write_spans(place: Path) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Lines(place)))
    trace.set_tracer_provider(provider)
