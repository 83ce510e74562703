"""OpenTelemetry: one trace from the verifying request to the last variant; bounded labels."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rindle_django import discard, telemetry, upload, variant_url
from rindle_django.events import EVENTS
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.telemetry import UNBOUNDED
from rindle_django.testing import drain_jobs
from tests.kit import arrive, fresh, named, picture, ready
from tests.telemetry.reading import points

pytestmark = pytest.mark.django_db(transaction=True)


def trace_ids(spans: InMemorySpanExporter, name: str) -> list[int]:
    return [each.context.trace_id for each in spans.get_finished_spans() if each.name == name]


def test_one_trace_runs_from_the_request_through_promotion_to_processing(
    spans: InMemorySpanExporter,
):
    with trace.get_tracer("site").start_as_current_span("POST /uploads/verify/") as request:
        asset = arrive(picture())
    drain_jobs()
    mine = request.get_span_context().trace_id
    for name in ("rindle.verify", "rindle.promote", "rindle.process"):
        assert trace_ids(spans, name) == [mine]
    promoted = next(each for each in spans.get_finished_spans() if each.name == "rindle.promote")
    assert promoted.attributes is not None
    assert promoted.attributes["rindle.profile"] == asset.profile


def test_without_a_request_the_verification_begins_the_trace(spans: InMemorySpanExporter):
    arrive(picture())
    drain_jobs()
    (verified,) = trace_ids(spans, "rindle.verify")
    assert trace_ids(spans, "rindle.promote") == trace_ids(spans, "rindle.process") == [verified]


def test_two_uploads_are_two_traces(spans: InMemorySpanExporter):
    arrive(picture())
    arrive(picture())
    drain_jobs()
    assert len(set(trace_ids(spans, "rindle.process"))) == 2


def test_an_upload_through_the_server_continues_its_request(spans: InMemorySpanExporter):
    with trace.get_tracer("site").start_as_current_span("POST /photos/") as request:
        upload("photo", named(picture(), "heron.jpg"))
    drain_jobs()
    assert trace_ids(spans, "rindle.process") == [request.get_span_context().trace_id]


def test_events_are_notes_on_the_span_they_happened_in(spans: InMemorySpanExporter):
    arrive(picture())
    drain_jobs()
    told = [
        str((note.attributes or {})["variant_name"])
        for each in spans.get_finished_spans()
        if each.name == "rindle.publish"
        for note in each.events
        if note.name == "rindle.variant.state_change"
    ]
    assert sorted(told) == ["large", "medium", "thumb"]
    for each in spans.get_finished_spans():
        for note in each.events:
            assert not UNBOUNDED & set(note.attributes or {})


def test_every_event_is_counted_under_bounded_labels(measured: InMemoryMetricReader):
    assets = [ready(), ready()]
    for asset in assets:
        variant_url(fresh(asset), "thumb")
    discard(assets[0].pk)
    cleanup_orphans(dry_run=True)
    counted = points(measured)
    assert {
        "rindle.upload.start",
        "rindle.asset.state_change",
        "rindle.variant.state_change",
        "rindle.delivery.signed",
        "rindle.cleanup.run",
    } <= set(counted)
    for name, series in counted.items():
        if name in EVENTS:
            allowed = set(EVENTS[name].required) - UNBOUNDED
            assert all(set(point.attributes) == allowed for point in series)
            assert not any(str(asset.pk) in repr(series) for asset in assets)
    ready_changes = [
        point.value
        for point in counted["rindle.asset.state_change"]
        if dict(point.attributes)["to"] == "ready" and dict(point.attributes)["profile"] == "photo"
    ]
    assert sum(ready_changes) >= 2


def test_what_a_cleanup_counted_is_added_up_errors_included__C2_16(measured: InMemoryMetricReader):
    cleanup_orphans(dry_run=True)
    abort_incomplete_uploads()
    counted = {
        (dict(point.attributes)["worker"], dict(point.attributes)["count"])
        for point in points(measured)["rindle.cleanup.run.counts"]
    }
    # A success says that it had no errors, rather than nothing of them.
    assert ("cleanup_orphans", "storage_errors") in counted
    assert ("abort_incomplete_uploads", "abort_errors") in counted
    assert "system_time" not in {count for _, count in counted}


def test_the_labels_of_every_event_leave_out_what_has_no_bound():
    for event in EVENTS.values():
        names = set(telemetry.labels(event, dict.fromkeys(event.required, "x")))
        assert names == set(event.required) - UNBOUNDED
