"""What the doctor says of workers, queues and schedules."""

from __future__ import annotations

import os
import time

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from pytest_django import Settings

from rindle_django import jobs
from rindle_django.operations.doctor import queues
from tests.doctor.signs import job, said_by, told, worker
from tests.kit import ready

pytestmark = pytest.mark.django_db
Seconds = float


def test_without_a_worker_that_is_alive_nothing_is_done():
    assert told("workers.alive").status == "warn"
    job(jobs.PROMOTE)
    worker(silent_for=300)
    diagnosis = told("workers.alive")
    assert diagnosis.status == "error"
    assert "1 worker fell silent" in diagnosis.finding
    worker()
    assert said_by("workers.alive") == []


def test_a_queue_whose_worker_is_missing_is_named():
    worker()
    for _ in range(3):
        job(jobs.PROCESS, waits=300)
    diagnosis = told("queues.worker_missing")
    assert diagnosis.status == "error"
    assert "3 jobs due in rindle_process, the oldest for 5 minutes" in diagnosis.finding
    assert "worker -q rindle_process" in diagnosis.fix


def test_a_queue_that_waits_while_no_worker_is_alive_is_named():
    worker(silent_for=300)
    job(jobs.PURGE, waits=300)
    assert "no worker is alive" in told("queues.worker_missing").finding


@pytest.mark.parametrize("status", ["doing", "succeeded"])
def test_a_queue_that_is_served_may_have_a_backlog(status: str):
    living = worker()
    job(jobs.PROCESS, waits=30, status=status, held_by=living)
    _ended(living)
    job(jobs.PROCESS, waits=3000)
    assert said_by("queues.worker_missing") == []


def _ended(living: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_events (job_id, type)"
            " SELECT id, 'succeeded' FROM procrastinate_jobs"
            " WHERE worker_id = %s AND status = 'succeeded'",
            [living],
        )


def test_a_queue_that_a_dead_worker_served_is_not_served():
    dead = worker(silent_for=300)
    worker()
    job(jobs.PROCESS, waits=30, status="doing", held_by=dead)
    job(jobs.PROCESS, waits=3000)
    assert told("queues.worker_missing").status == "error"


def test_what_waits_behind_older_work_of_a_shared_worker_is_only_a_warning():
    living = worker()
    job(jobs.PROCESS, waits=500, status="doing", held_by=living)
    job(jobs.PURGE, waits=300)
    diagnosis = told("queues.worker_missing")
    assert diagnosis.status == "warn"
    assert "busy with older jobs" in diagnosis.finding


def test_a_worker_that_takes_younger_jobs_proves_that_it_does_not_serve_ours():
    living = worker()
    job(jobs.PROCESS, waits=300)
    job(jobs.RECONCILE, waits=1, status="doing", held_by=living)
    assert told("queues.worker_missing").status == "error"


def test_what_waits_for_ten_minutes_is_an_error_whoever_is_busy():
    living = worker()
    job(jobs.PROCESS, waits=900, status="doing", held_by=living)
    job(jobs.PURGE, waits=700)
    assert told("queues.worker_missing").status == "error"


@pytest.mark.parametrize(("waits", "due_in"), [(5.0, None), (500.0, 500.0)])
def test_what_is_young_or_not_due_waits_for_nobody(waits: Seconds, due_in: Seconds | None):
    worker()
    job(jobs.PROCESS, waits=waits, due_in=due_in)
    assert said_by("queues.worker_missing") == []


def test_the_age_of_a_retry_counts_from_when_it_was_due():
    worker()
    job(jobs.PROCESS, waits=5000, due_in=-5)
    assert said_by("queues.worker_missing") == []


def test_jobs_that_dead_workers_left_running_are_named():
    living, dead = worker(), worker(silent_for=3600)
    job(jobs.PROCESS, status="doing", held_by=living)
    assert said_by("queues.stalled") == []
    job(jobs.PROCESS, status="doing", held_by=dead)
    job(jobs.PROCESS, status="doing")
    assert "2 jobs" in told("queues.stalled").finding
    assert "rindle_reconcile" in told("queues.stalled").fix


def test_a_table_of_jobs_that_nobody_empties_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queues, "LARGE", 3)
    for _ in range(3):
        job(jobs.PROCESS, status="succeeded")
    assert said_by("queues.size") == []
    job(jobs.PROCESS, status="failed")
    assert "delete_jobs" in told("queues.size").fix


def test_more_jobs_than_threads_are_said(monkeypatch: pytest.MonkeyPatch):
    threads = min(32, (os.cpu_count() or 1) + 4)
    monkeypatch.setitem(app.worker_defaults, "concurrency", threads)
    assert said_by("workers.concurrency") == []
    monkeypatch.setitem(app.worker_defaults, "concurrency", threads + 1)
    assert f"at most {threads}" in told("workers.concurrency").fix


# --- schedules ---------------------------------------------------------------------------------


def scheduled(settings: Settings, **lines: str | None) -> None:
    settings.RINDLE = {
        **settings.RINDLE,
        "SCHEDULES": {**settings.RINDLE["SCHEDULES"], **lines},
    }


def test_a_task_that_nothing_schedules_is_named__W1_22(settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "SCHEDULES": {}}
    found = said_by("schedules.present")
    assert [each.status for each in found] == ["warn", "warn"]
    assert "abort_incomplete_uploads" in found[0].finding
    assert "cleanup_orphans" in found[1].finding


def test_a_task_that_was_turned_off_on_purpose_is_no_fault(settings: Settings):
    scheduled(settings, cleanup_orphans=None)
    assert said_by("schedules.present") == []


def test_a_reconciler_that_is_turned_off_is_an_error(settings: Settings):
    scheduled(settings, reconcile=None)
    assert told("schedules.present").status == "error"


@pytest.mark.parametrize(
    "line", ["nonsense", "", "0 25 * * *", "* * * *", "0 0 31 2 *", "* * * * * */10 1 2"]
)
def test_a_cron_line_that_never_fires_is_an_error(line: str, settings: Settings):
    scheduled(settings, cleanup_orphans=line)
    diagnosis = told("schedules.cron")
    assert diagnosis.status == "error"
    assert repr(line) in diagnosis.finding
    assert "cleanup_orphans" in diagnosis.finding


def test_a_line_of_a_task_that_need_not_be_scheduled_is_looked_at_too(settings: Settings):
    scheduled(settings, sweep_temp_files="* * * *")
    assert "sweep_temp_files" in told("schedules.cron").finding


def test_a_line_that_fires_too_seldom_is_said(settings: Settings):
    scheduled(settings, reconcile="0 4 * * *")
    assert "24 hours" in told("schedules.cron").finding
    scheduled(settings, reconcile="*/2 * * * *", cleanup_orphans="0 4 1 * *")
    assert "cleanup_orphans" in told("schedules.cron").finding


def test_a_schedule_that_only_reports_is_said__O9(settings: Settings):
    assert said_by("schedules.dry_run") == []
    settings.RINDLE = {**settings.RINDLE, "CLEANUP_DRY_RUN": True}
    assert "nothing is ever deleted" in told("schedules.dry_run").finding


def test_a_schedule_of_the_projects_own_that_only_reports_is_said__O9(
    monkeypatch: pytest.MonkeyPatch,
):
    from rindle_django.tasks import cleanup_orphans

    registry = dict(app.periodic_registry.periodic_tasks)
    monkeypatch.setattr(app.periodic_registry, "periodic_tasks", registry)
    app.periodic(cron="0 3 * * *", periodic_id="weekly", task_kwargs={"dry_run": True})(
        cleanup_orphans
    )
    assert told("schedules.dry_run").fix == "Give the schedule dry_run=False."


def ticked(task: jobs.Job, ago: Seconds) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)"
            " VALUES (%s, 'rindle', %s)",
            [task.name, int(time.time() - ago)],
        )


def test_a_schedule_that_stopped_ticking_is_named__C2_21():
    for task, ago in ((jobs.RECONCILE, 30), (jobs.ABORT, 80_000), (jobs.CLEANUP, 80_000)):
        ticked(task, ago)
    assert said_by("schedules.ticks") == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_periodic_defers SET defer_timestamp = 1")
    assert [each.status for each in said_by("schedules.ticks")] == ["error"] * 3


def test_a_reconciler_that_never_ticked_in_a_system_that_lives_is_named__C2_21():
    assert said_by("schedules.ticks") == []
    ready()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rindle_transition SET at = now() - interval '1 hour'")
    assert "reconcile has not run in 60 minutes" in told("schedules.ticks").finding
