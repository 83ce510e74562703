"""The gauges: they tell the truth of the rows, at a bounded cost, and only where they are asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from rindle_django import discard, observe, telemetry
from rindle_django.jobs import QUEUES
from rindle_django.models import Asset, StoredObject, Variant
from rindle_django.operations import gauges
from rindle_django.operations.gauges import read_state
from rindle_django.testing import drain_jobs
from tests.kit import arrive, picture, promise, ready, run_out, settle
from tests.rows import asset_in, variant_in
from tests.storms import Sky
from tests.telemetry.reading import points

pytestmark = pytest.mark.django_db(transaction=True)
State = dict[tuple[str, ...], float]


def state() -> State:
    """Each gauge's value by its name and the values of its labels."""
    return {(name, *labels.values()): value for name, value, labels in read_state()}


def test_an_idle_system_has_nothing_to_show_but_says_so():
    told = state()
    for queue in QUEUES:
        assert told["rindle.queue.jobs", queue, "waiting"] == 0
        assert told["rindle.queue.jobs", queue, "doing"] == 0
        assert told["rindle.queue.age", queue] == 0
    for subject in ("asset", "variant", "object", "event"):
        assert told["rindle.overdue.rows", subject] == 0
    assert set(told.values()) == {0}


def test_a_backlog_is_counted_and_its_age_is_that_of_its_oldest_job():
    for _ in range(3):
        arrive(picture(64, 48))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_events SET at = at - interval '1 hour' WHERE job_id ="
            " (SELECT min(id) FROM procrastinate_jobs WHERE queue_name = 'rindle_promote')"
        )
    told = state()
    assert told["rindle.queue.jobs", "rindle_promote", "waiting"] == 3
    assert 3600 <= told["rindle.queue.age", "rindle_promote"] < 3700
    assert told["rindle.queue.age", "rindle_process"] == 0
    assert told["rindle.unfinished.assets", "validating"] == 3


def test_a_job_whose_time_has_not_come_is_not_waiting(sky: Sky):
    arrive(picture(64, 48))
    sky.break_down("copy")
    drain_jobs()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour'"
            " WHERE status = 'todo'"
        )
    assert state()["rindle.queue.jobs", "rindle_promote", "waiting"] == 0
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() - interval '5 minutes'"
            " WHERE status = 'todo'"
        )
    told = state()
    assert told["rindle.queue.jobs", "rindle_promote", "waiting"] == 1
    assert 300 <= told["rindle.queue.age", "rindle_promote"] < 310


def test_running_jobs_are_those_a_worker_has():
    arrive(picture(64, 48))
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing',"
            " worker_id = (SELECT max(id) FROM procrastinate_workers) WHERE status = 'todo'"
        )
    told = state()
    assert told["rindle.queue.jobs", "rindle_promote", "doing"] == 1
    assert told["rindle.queue.jobs", "rindle_promote", "waiting"] == 0


@pytest.mark.parametrize("model", [Asset, Variant, StoredObject])
def test_rows_that_nobody_rang_for_are_overdue(model: Any):
    asset = ready()
    rows = model.objects.filter(pk=(asset if model is Asset else _first(model)).pk)
    rows.update(wake_at=Now() - timedelta(hours=2))
    told = state()
    subject = {Asset: "asset", Variant: "variant", StoredObject: "object"}[model]
    assert told["rindle.overdue.rows", subject] == 1
    assert 7200 <= told["rindle.overdue.age", subject] < 7300


def _first(model: Any) -> Any:
    return model.objects.order_by("pk").first()


def test_failed_variants_are_counted_by_profile():
    for _ in range(2):
        variant_in("failed", asset=asset_in("degraded"))
    assert state()["rindle.failed.variants", "photo"] == 2


def test_objects_that_the_storage_does_not_confirm_are_told_apart(sky: Sky):
    asset = ready()
    drain_jobs()
    discard(asset.pk)
    settle(asset.pk)
    waiting = StoredObject.objects.filter(state="doomed").count()
    assert waiting >= 4
    told = state()
    assert told["rindle.purge.objects", "default", "waiting"] == waiting
    assert told["rindle.purge.objects", "default", "kept"] == 0
    sky.break_down("delete")
    drain_jobs(limit=1)
    told = state()
    assert told["rindle.purge.objects", "default", "waiting"] == 0
    assert told["rindle.purge.objects", "default", "kept"] == waiting


def test_uploads_that_nobody_ended_are_counted():
    run_out(promise())
    promise()
    assert state()["rindle.uploads.expired",] == 1


def test_a_silent_schedule_grows_old():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)"
            " VALUES ('rindle:reconcile', 'rindle', extract(epoch FROM now())::bigint - 900)"
        )
    told = state()
    assert 899 <= told["rindle.schedule.age", "rindle:reconcile"] < 960
    assert ("rindle.schedule.age", "rindle:cleanup_orphans") not in told


def test_a_count_stops_at_the_most_that_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gauges, "MOST", 2)
    for _ in range(3):
        arrive(picture(64, 48))
    told = state()
    assert told["rindle.queue.jobs", "rindle_promote", "waiting"] == 2
    assert told["rindle.unfinished.assets", "validating"] == 2


def test_a_question_that_takes_too_long_costs_only_its_own_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(gauges, "PATIENCE", 200)
    monkeypatch.setattr(gauges, "EXPIRED", "SELECT 1 FROM pg_sleep(5)")
    told = state()
    assert ("rindle.uploads.expired",) not in told
    assert ("rindle.queue.age", "rindle_promote") in told
    assert "expired_uploads" in caplog.text


def test_a_database_that_is_away_gives_no_gauges_and_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    copied = type(connections["default"]).copy

    def away(self: Any, alias: str | None = None) -> Any:
        other = copied(self, alias)
        other.settings_dict = {**other.settings_dict, "PORT": "1", "HOST": "127.0.0.1"}
        return other

    monkeypatch.setattr(type(connections["default"]), "copy", away)
    assert read_state() == []
    assert "Gauges could not be read" in caplog.text


def test_nothing_is_asked_on_the_callers_connection():
    ready()
    with CaptureQueriesContext(connection) as captured:
        assert read_state()
    assert captured.captured_queries == []


def test_gauges_are_collected_once_a_project_asks_for_them(
    just_started: InMemoryMetricReader, monkeypatch: pytest.MonkeyPatch
):
    asked: list[int] = []
    read = gauges.read_state

    def counting() -> list[gauges.Reading]:
        asked.append(1)
        return read()

    monkeypatch.setattr(gauges, "read_state", counting)
    ready()
    assert not set(points(just_started)) & set(telemetry.GAUGES)
    assert asked == []
    assert observe() is True
    assert observe() is True
    arrive(picture(64, 48))
    collected = points(just_started)
    assert len(asked) == 1  # however many gauges there are
    waiting = {
        dict(point.attributes)["queue"]: point.value
        for point in collected["rindle.queue.jobs"]
        if dict(point.attributes)["status"] == "waiting"
    }
    assert waiting["rindle_promote"] == 1
    for name, series in collected.items():
        if name in telemetry.GAUGES:
            for point in series:
                assert set(point.attributes) == set(telemetry.GAUGES[name].labels)
