"""Status stays fast however much there is: no table is read from end to end, by Postgres' plans."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from rindle_django.operations import queues
from rindle_django.operations.doctor import CHECKS, diagnose, rows
from rindle_django.operations.status import counts, runtime_status, status
from tests.domain import test_plans
from tests.domain.test_plans import TABLES, archive, slow

JOBS = 50_000
# Nearly all are done, a backlog waits in one queue, and a few are under way.
FILL = f"""
INSERT INTO procrastinate_jobs (queue_name, task_name, status)
SELECT 'rindle_process', 'rindle:process_variant',
       (CASE WHEN i % 25 = 0 THEN 'todo' ELSE 'succeeded' END)::procrastinate_job_status
FROM generate_series(1, {JOBS}) i
"""
# They hold only what is waiting or under way.
OF_WAITING_JOBS = (
    "procrastinate_jobs_id_lock_idx_v1",
    "procrastinate_jobs_priority_idx_v1",
    "procrastinate_jobs_lock_idx_v1",
    "procrastinate_jobs_queueing_lock_idx_v1",
    "idx_procrastinate_jobs_worker_not_null",
)
QUEUE = ("procrastinate_jobs", "procrastinate_events")


@pytest.fixture(scope="module")
def queue(archive: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute("; ".join(f"ANALYZE {table}" for table in QUEUE))
        try:
            yield
        finally:
            cursor.execute("DELETE FROM procrastinate_periodic_defers")
            cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
            cursor.execute("; ".join(f"ANALYZE {table}" for table in QUEUE))


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("queue")]
__all__ = ["archive"]


@pytest.fixture(autouse=True)
def _no_jobs_of_others() -> None:
    """Here the jobs are those of the module."""


@pytest.fixture(autouse=True)
def _in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    """To these tables what the usual bound is to some millions of rows."""
    for room in (counts, status, rows, queues):
        monkeypatch.setattr(room, "ENOUGH", 1_000)


@pytest.fixture
def _the_queues_tables_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_plans, "TABLES", (*TABLES, *QUEUE))
    monkeypatch.setattr(test_plans, "PARTIAL", (*test_plans.PARTIAL, *OF_WAITING_JOBS))


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"profile": "photo"},
        {"profile": "tiny"},  # of which there is nothing
        {"older_than": 3600},
        {"profile": "plain", "older_than": 60, "limit": 1000},
    ],
)
@pytest.mark.usefixtures("_the_queues_tables_too")
def test_a_report_reads_no_table_from_end_to_end__C2_11(filters: dict[str, Any]):
    assert slow(lambda: runtime_status(**filters)) == []


def test_a_report_is_there_at_once():
    runtime_status()
    began = time.perf_counter()
    report = runtime_status()
    assert time.perf_counter() - began < 1
    assert report.counts["asset"]["ready"] == 1_001
    waiting = {each.queue: each.waiting for each in report.queues}
    assert waiting["rindle_process"] == 1_001 < JOBS // 25


@pytest.mark.usefixtures("_the_queues_tables_too")
@pytest.mark.parametrize(
    "check",
    [
        check.id
        for check in CHECKS
        if check.place == "database"
        and not check.deep
        and check.component not in ("database", "schedules")
        and check.id not in ("workers.alive", "queues.size")
    ],
)
def test_a_check_of_the_doctor_reads_no_table_from_end_to_end(check: str):
    assert slow(lambda: diagnose(only=[check])) == []


def test_the_tables_are_those_that_can_grow():
    assert {"rindle_asset", "rindle_variant", "rindle_transition"} < set(TABLES)
