"""What the pipeline measures of itself is what happened, once, and only if it was committed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from rindle_django import attach, claims, detach, discard, telemetry
from rindle_django.lifecycle import locked
from rindle_django.models import Asset, Transition
from rindle_django.processing import requeue_variants
from rindle_django.telemetry import METRICS
from rindle_django.telemetry.names import BUCKETS, HISTOGRAM, SECONDS
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.jobs.queue import grace_passes
from tests.kit import arrive, fresh, picture, ready, rolled_back, settle
from tests.storms import Sky
from tests.telemetry.reading import points

pytestmark = pytest.mark.django_db(transaction=True)


def series(reader: InMemoryMetricReader, name: str, **labels: str) -> list[Any]:
    found = points(reader).get(name, [])
    return [each for each in found if labels.items() <= dict(each.attributes).items()]


def test_the_way_to_ready_is_measured_once_an_asset(just_started: InMemoryMetricReader):
    asset = arrive(picture(64, 48))
    Transition.objects.filter(subject="session").extra().update(at="2020-01-01T00:00:00Z")
    drain_jobs()
    (measured,) = series(just_started, "rindle.asset.time_to_ready")
    assert dict(measured.attributes) == {"profile": "photo"}
    assert measured.count == 1
    assert measured.sum > 365 * 86_400
    asset.variants.update(state="stale")
    requeue_variants(asset.pk)
    drain_jobs()
    assert fresh(asset).state == "ready"
    (measured,) = series(just_started, "rindle.asset.time_to_ready")
    assert measured.count == 1


def test_each_run_is_measured_by_how_it_ended(just_started: InMemoryMetricReader, sky: Sky):
    arrive(picture(64, 48))
    sky.break_down("put_file")
    drain_jobs(early=True)
    sky.clear_up()
    ready(picture(64, 48))
    counted = {
        (dict(each.attributes)["variant"], dict(each.attributes)["outcome"]): each.count
        for each in series(just_started, "rindle.variant.duration", profile="photo")
    }
    for name in ("thumb", "medium", "large"):
        assert counted[name, "retried"] == 4
        assert counted[name, "failed"] == 1
        assert counted[name, "succeeded"] == 1


def test_the_wait_is_from_queueing_to_the_first_claim_alone(
    just_started: InMemoryMetricReader, sky: Sky
):
    asset = arrive(picture(64, 48))
    asset.sessions.update(verified_at="2020-01-01T00:00:00Z")
    sky.break_down("copy")
    drain_jobs(early=True, limit=2)
    sky.clear_up()
    drain_jobs(early=True)
    (promoted,) = series(just_started, "rindle.job.wait", queue="rindle_promote")
    assert promoted.count == 1
    assert promoted.sum > 365 * 86_400
    (processed,) = series(just_started, "rindle.job.wait", queue="rindle_process")
    assert processed.count == 3
    assert 0 <= processed.sum < 60


@pytest.mark.parametrize("road", ["detach", "discard"])
def test_a_purge_is_measured_from_the_request_to_the_last_confirmation(
    road: str, just_started: InMemoryMetricReader, sky: Sky
):
    asset = ready(picture(64, 48))
    article = Article.objects.create()
    if road == "detach":
        attach(article, "cover", asset)
        detach(article, "cover")
    else:
        discard(asset.pk)
    sky.break_down("delete")
    drain_jobs()
    assert series(just_started, "rindle.purge.duration") == []
    sky.clear_up()
    past = "now() - interval '1 hour'"
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE rindle_asset SET updated_at = {past}")
        cursor.execute(
            f"UPDATE rindle_asset SET purge_requested_at = {past}"
            " WHERE purge_requested_at IS NOT NULL"
        )
    settle(asset.pk)
    drain_jobs(early=True)
    assert not Asset.objects.exists()
    (measured,) = series(just_started, "rindle.purge.duration")
    assert measured.count == 1
    assert 3600 <= measured.sum < 3700
    assert dict(measured.attributes) == {"profile": "photo"}


def test_a_claim_that_is_taken_over_is_counted_once_it_is_committed(
    just_started: InMemoryMetricReader,
):
    asset = arrive(picture(64, 48))
    with locked(asset.pk) as current:
        claims.take(current, "analyzing")
    assert series(just_started, "rindle.claim.lost") == []
    grace_passes()
    with rolled_back(), locked(asset.pk) as current:
        assert claims.take(current, "analyzing")
    assert series(just_started, "rindle.claim.lost") == []
    drain_jobs()
    (lost,) = series(just_started, "rindle.claim.lost")
    assert lost.value == 1
    assert dict(lost.attributes) == {"subject": "asset"}


def test_failures_are_counted_by_reason_and_foreign_reasons_are_one(
    just_started: InMemoryMetricReader,
):
    from rindle_django.lifecycle import transition

    arrive(b"GIF89a of a kind")
    drain_jobs()
    for reason in ("complaint 4711", "complaint 4712"):
        with locked(ready(picture(64, 48)).pk) as current:
            transition(current, "quarantined", reason_code=reason)
    counted = {
        dict(each.attributes)["reason"]: each.value
        for each in series(just_started, "rindle.failures", subject="asset", profile="photo")
    }
    assert counted.pop("other") == 2
    assert list(counted.values()) == [1]
    assert not any("complaint" in reason for reason in counted)


def test_requests_storage_and_jobs_are_timed_with_the_code_of_their_error(
    just_started: InMemoryMetricReader, sky: Sky
):
    client = Client()
    client.force_login(User.objects.create(username="boss"))
    client.post("/rindle/uploads/verify/", {"ticket": "forged"}, content_type="application/json")
    arrive(picture(64, 48))
    sky.break_down("copy")
    drain_jobs(limit=1)
    (request,) = series(just_started, "rindle.request.duration")
    assert dict(request.attributes) == {"view": "verify", "outcome": "ticket_invalid"}
    (copied,) = series(just_started, "rindle.storage.duration", operation="copy")
    assert dict(copied.attributes)["outcome"] == "storage_unavailable"
    (job,) = series(just_started, "rindle.job.duration")
    assert dict(job.attributes) == {
        "queue": "rindle_promote",
        "task": "rindle:promote_asset",
        "outcome": "ok",  # the outage is written on the row, and the job has done its part
    }


def test_buckets_come_along_so_that_nobody_has_to_write_views(
    just_started: InMemoryMetricReader,
):
    ready(picture(64, 48))
    found = points(just_started)
    histograms = [name for name in found if METRICS[name].kind == HISTOGRAM]
    assert len(histograms) >= 4
    for name in histograms:
        for each in found[name]:
            assert tuple(each.explicit_bounds) == BUCKETS[METRICS[name].unit]
    assert min(BUCKETS[SECONDS]) == 0.005


def test_nothing_is_asked_of_the_database_for_metrics_that_nobody_keeps(
    just_started: InMemoryMetricReader, monkeypatch: pytest.MonkeyPatch
):
    from django.test.utils import CaptureQueriesContext
    from opentelemetry import metrics

    def queries() -> int:
        asset = arrive(picture(64, 48))
        with CaptureQueriesContext(connection) as captured:
            drain_jobs()
            discard(asset.pk)
            settle(asset.pk)
            drain_jobs(early=True)
        return len(captured)

    queries()  # warm
    kept = queries()
    monkeypatch.setattr(metrics, "get_meter_provider", metrics.NoOpMeterProvider)
    assert telemetry.measuring() is False
    # One for the way to ready, one for the purge.
    assert kept - queries() == 2
