"""What a project does to have its processes traced: a provider and an exporter, nothing of ours."""

from __future__ import annotations

import os
from pathlib import Path

from django.apps import AppConfig
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor


class TracedConfig(AppConfig):
    name = "tests.telemetry.site"
    label = "traced_site"

    def ready(self) -> None:
        path = Path(os.environ["RINDLE_TEST_SPANS"]) / f"{os.getpid()}.jsonl"
        provider = TracerProvider(resource=Resource.create({"process.pid": os.getpid()}))
        exporter = ConsoleSpanExporter(out=path.open("a"), formatter=_line)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)


def _line(span: ReadableSpan) -> str:
    return f"{span.to_json(indent=None)}\n"
