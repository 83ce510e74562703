"""OpenTelemetry as an adopter sets it up: one provider for the process, exporting to memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rindle_django.operations.gauges import observe
from rindle_django.telemetry import meters
from tests.storms import sky

__all__ = ["sky"]


@pytest.fixture(scope="session")
def _exporter() -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(_exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    _exporter.clear()
    yield _exporter
    _exporter.clear()


@pytest.fixture(scope="session")
def measured() -> InMemoryMetricReader:
    """What this process measures. Prometheus would scrape the same, under names of its own."""
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader, PrometheusMetricReader()]))
    return reader


@pytest.fixture
def just_started(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    """Metrics of a project that was set up a moment ago, and has not asked for the gauges."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    _forget_instruments()
    yield reader
    _forget_instruments()


def _forget_instruments() -> None:
    observe.cache_clear()
    meters._instrument.cache_clear()
