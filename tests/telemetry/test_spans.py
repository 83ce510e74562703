"""What spans say, what they never say, and where they belong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from rindle_django import (
    attach,
    cancel_processing,
    detach,
    discard,
    telemetry,
    upload,
    variant_url,
)
from rindle_django.models import Asset, StoredObject
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.operations.reconcile import reconcile
from rindle_django.processing import requeue_variants
from rindle_django.storage import adapter_for
from rindle_django.telemetry import SPANS
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.jobs.queue import grace_passes
from tests.kit import arrive, fresh, named, picture, promise, ready, refused, run_out, settle
from tests.storms import Sky
from tests.telemetry.flows import live_wide

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "https://key:secret@bucket.example/private.jpg?X-Amz-Signature=abc"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def finished(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [each for each in spans.get_finished_spans() if each.name == name]


def one(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = finished(spans, name)
    return found


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


def links_of(span: ReadableSpan) -> set[int]:
    return {link.context.trace_id for link in span.links}


def said(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


# --- names and secrets -------------------------------------------------------------------------


def test_every_declared_span_is_told_with_what_it_may_say_and_gives_nothing_away(
    spans: InMemorySpanExporter, sky: Sky
):
    name, person, *_ = live_wide(sky)
    adapter_for("default").probe_capabilities()
    finished = spans.get_finished_spans()
    assert {each.name for each in finished} == set(SPANS) - {"rindle.storage.other"}
    for each in finished:
        assert set(said(each)) <= set(SPANS[each.name].attributes)
    told = json.dumps([json.loads(each.to_json()) for each in finished])
    keys = list(StoredObject.objects.values_list("key", flat=True))
    assert len(keys) > 20
    for secret in (*keys, name, person, "originals/", "http://", "https://", "X-Amz"):
        assert secret not in told


def test_a_span_says_only_what_its_name_is_declared_to_say():
    with pytest.raises(KeyError), telemetry.span("rindle.something"):
        pass
    with (
        pytest.raises(AssertionError, match="does not say"),
        telemetry.span("rindle.purge", attributes={"rindle.key": "originals/x"}),
    ):
        pass


# --- errors ------------------------------------------------------------------------------------


def _raise(error: Exception) -> Callable[[], None]:
    def struck() -> None:
        raise error

    return struck


def test_an_error_is_told_by_its_code_and_class_never_by_its_text(
    spans: InMemorySpanExporter, sky: Sky
):
    arrive(picture(64, 48))
    sky.before("copy", _raise(ConnectionError(SECRET)))
    drain_jobs(early=True, limit=1)
    for name in ("rindle.storage.copy", "rindle.promote"):
        span = one(spans, name)
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "unexpected"
        assert said(span)["error.type"] == "unexpected"
        (raised,) = [event for event in span.events if event.name == "exception"]
        assert dict(raised.attributes or {}) == {"exception.type": "builtins.ConnectionError"}
    assert "secret" not in "".join(each.to_json() for each in spans.get_finished_spans())


def test_a_variant_that_fails_is_its_own_error_with_its_reason(
    spans: InMemorySpanExporter, sky: Sky
):
    arrive(picture(64, 48))
    drain_jobs(queues=["rindle_promote"])
    sky.break_down("put_file")
    drain_jobs(limit=1, queues=["rindle_process"])
    made = finished(spans, "rindle.variant")
    assert len(made) == 3
    for each in made:
        assert said(each)["error.type"] == "storage_unavailable"
        assert each.status.status_code is StatusCode.ERROR


def test_a_quarantined_file_says_why(spans: InMemorySpanExporter):
    arrive(b"GIF89a and then nothing of the kind")
    drain_jobs()
    promoted = one(spans, "rindle.promote")
    assert promoted.status.status_code is StatusCode.ERROR
    assert said(promoted)["error.type"] == Asset.objects.get().reason_code != ""


def test_what_the_storage_keeps_is_an_error_of_the_purge(spans: InMemorySpanExporter, sky: Sky):
    asset = ready(picture(64, 48))
    drain_jobs()
    spans.clear()
    sky.break_down("delete")
    discard(asset.pk)
    drain_jobs(limit=1)
    purged = one(spans, "rindle.purge")
    assert said(purged)["error.type"] == "storage_unavailable"
    assert said(purged)["rindle.kept"] == 4


def test_a_refusal_is_a_reason_and_no_error(spans: InMemorySpanExporter):
    client = Client()
    client.force_login(User.objects.create(username="boss"))
    body = {"ticket": "forged"}
    answer = client.post("/rindle/uploads/verify/", body, content_type="application/json")
    span = one(spans, "rindle.request.verify")
    assert said(span) == {
        "http.request.method": "POST",
        "http.response.status_code": answer.status_code,
        "rindle.reason": "ticket_invalid",
    }
    assert span.status.status_code is StatusCode.UNSET


# --- where they belong -------------------------------------------------------------------------


def begin(client: Client, **headers: str) -> None:
    declared = {"profile": "photo", "filename": "a.jpg", "content_type": "image/jpeg"}
    client.force_login(User.objects.get_or_create(username="boss")[0])
    client.post(
        "/rindle/uploads/",
        {**declared, "byte_size": 5},
        content_type="application/json",
        headers=headers,
    )


def test_a_browsers_header_is_gone_on_with(spans: InMemorySpanExporter):
    begin(Client(), traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    span = one(spans, "rindle.request.begin")
    assert span.kind is SpanKind.SERVER
    assert f"{trace_of(span):032x}" == TRACE
    assert f"{trace_of(one(spans, 'rindle.initiate')):032x}" == TRACE
    assert Asset.objects.get().traceparent.split("-")[1] == TRACE


@pytest.mark.parametrize(
    "header",
    [
        *("", "nonsense", f"00-{'0' * 32}-{'0' * 16}-01", f"ff-{TRACE}-00f067aa0ba902b7-01"),
        f"00-{TRACE.upper()}'; DROP TABLE rindle_asset; ---01",
        "00-" + "4" * 10_000,
    ],
)
def test_a_header_that_is_no_traceparent_begins_a_trace(header: str, spans: InMemorySpanExporter):
    begin(Client(), traceparent=header)
    span = one(spans, "rindle.request.begin")
    assert span.parent is None
    assert Asset.objects.get().traceparent.split("-")[1] == f"{trace_of(span):032x}"


def test_inside_another_instrumentations_span_ours_is_below_it(spans: InMemorySpanExporter):
    with trace.get_tracer("django").start_as_current_span("POST uploads/") as request:
        begin(Client(), traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    span = one(spans, "rindle.request.begin")
    assert span.kind is SpanKind.INTERNAL
    assert span.parent is not None
    assert span.parent.span_id == request.get_span_context().span_id


def test_a_verification_in_a_trace_of_its_own_links_to_that_of_the_beginning(
    spans: InMemorySpanExporter,
):
    tracer = trace.get_tracer("site")
    with tracer.start_as_current_span("begin"):
        ticket = promise()
    from rindle_django import verify_upload
    from tests.kit import JPEG, stage

    stage(ticket.asset_id, JPEG)
    with tracer.start_as_current_span("verify") as request:
        verify_upload(ticket.ticket)
    verified = one(spans, "rindle.verify")
    assert trace_of(verified) == request.get_span_context().trace_id
    assert links_of(verified) == {trace_of(one(spans, "rindle.initiate"))}


@pytest.mark.parametrize("verb", ["attach", "detach", "discard", "requeue", "cancel"])
def test_what_somebody_does_about_an_asset_links_to_it_and_the_work_goes_on_in_its_trace(
    verb: str, spans: InMemorySpanExporter
):
    asset = arrive(picture(64, 48))
    article = Article.objects.create()
    if verb == "detach":
        attach(article, "cover", asset)
    drain_jobs(queues=["rindle_promote"])
    if verb == "requeue":
        cancel_processing(asset.pk)
    mine = trace_of(one(spans, "rindle.verify"))
    verbs: dict[str, Callable[[], object]] = {
        "attach": lambda: attach(article, "cover", asset),
        "detach": lambda: detach(article, "cover"),
        "discard": lambda: discard(asset.pk),
        "requeue": lambda: requeue_variants(asset.pk),
        "cancel": lambda: cancel_processing(asset.pk),
    }
    spans.clear()
    with trace.get_tracer("site").start_as_current_span("POST /") as request:
        verbs[verb]()
    theirs = request.get_span_context().trace_id
    done = one(spans, f"rindle.{verb}")
    assert trace_of(done) == theirs != mine
    assert links_of(done) == {mine}
    assert {dict(link.attributes or {})["rindle.asset_id"] for link in done.links} == {
        str(asset.pk)
    }
    drain_jobs(early=True)
    work = [s for s in spans.get_finished_spans() if s.name in ("rindle.process", "rindle.purge")]
    # What was cancelled leaves nothing to do.
    assert {trace_of(each) for each in work} == (set() if verb == "cancel" else {mine})


def test_maintenance_is_a_trace_of_its_own_with_links_to_the_assets(
    spans: InMemorySpanExporter,
):
    ticket = promise()
    begun = trace_of(one(spans, "rindle.initiate"))
    run_out(ticket)
    settle(ticket.asset_id)
    abort_incomplete_uploads()
    cleanup_orphans(dry_run=False)
    for name in ("rindle.abort_incomplete_uploads", "rindle.cleanup_orphans"):
        span = one(spans, name)
        assert span.parent is None
        assert trace_of(span) != begun
        assert links_of(span) == {begun}
    purged = one(spans, "rindle.purge")
    assert trace_of(purged) == begun
    assert links_of(purged) == {trace_of(one(spans, "rindle.cleanup_orphans"))}


def test_the_reconciler_links_to_what_it_rings_for(spans: InMemorySpanExporter):
    arrive(picture(64, 48))
    grace_passes()
    assert reconcile().assets == 1
    reconciled = one(spans, "rindle.reconcile")
    assert links_of(reconciled) == {trace_of(one(spans, "rindle.verify"))}


def test_an_asset_without_a_trace_is_purged_in_one_of_its_own(spans: InMemorySpanExporter):
    asset = arrive(picture(64, 48))
    Asset.objects.update(traceparent="")
    discard(asset.pk)
    drain_jobs(queues=["rindle_purge"])
    assert finished(spans, "rindle.purge")
    assert not one(spans, "rindle.discard").links


def test_one_storage_call_is_one_span_whatever_it_does_inside(spans: InMemorySpanExporter):
    upload("photo", named(picture(64, 48), "a.jpg"))
    assert len(finished(spans, "rindle.storage.put_stream")) == 1


def test_issuing_urls_opens_no_span_and_is_a_note_on_the_one_around_it(
    spans: InMemorySpanExporter,
):
    asset = fresh(ready(picture(64, 48)))
    spans.clear()
    with trace.get_tracer("site").start_as_current_span("GET /"):
        for _ in range(3):
            variant_url(asset, "thumb")
    (page,) = spans.get_finished_spans()
    assert [note.name for note in page.events] == ["rindle.delivery.signed"] * 3


def test_refusals_of_verbs_do_not_depend_on_tracing(spans: InMemorySpanExporter):
    with refused("asset_not_found"):
        discard("00000000-0000-0000-0000-000000000000")
    assert said(one(spans, "rindle.discard")) == {"rindle.reason": "asset_not_found"}
