"""Status stays fast however much there is: no table is read from end to end, by Postgres' plans."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from rindle_django.operations.doctor import CHECKS, diagnose
from rindle_django.operations.status import runtime_status
from tests.domain.test_plans import TABLES, archive, explain, whole_tables

JOBS = 50_000
# Nearly all are done, a backlog waits in one queue, and a few are under way.
FILL = f"""
INSERT INTO procrastinate_jobs (queue_name, task_name, status)
SELECT 'rindle_process', 'rindle:process_variant',
       (CASE WHEN i % 25 = 0 THEN 'todo' ELSE 'succeeded' END)::procrastinate_job_status
FROM generate_series(1, {JOBS}) i
"""
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


def slow(action: Any) -> list[str]:
    """Queries that read a whole table."""
    asked: list[str] = []

    def listen(execute, sql, params, many, context):
        asked.append(connection.ops.compose_sql(sql, params) if params else sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        action()
    queries = [sql for sql in asked if "FROM" in sql and "SET " not in sql]
    assert queries, "nothing was asked"
    return [f"{reads}: {sql}" for sql in queries if (reads := _reads(sql))]


def _reads(sql: str) -> list[str]:
    return whole_tables(explain(sql))


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
def test_a_report_reads_no_table_from_end_to_end__C2_11(filters: dict[str, Any]):
    assert slow(lambda: runtime_status(**filters)) == []


def test_a_report_is_there_at_once():
    runtime_status()
    began = time.perf_counter()
    report = runtime_status()
    assert time.perf_counter() - began < 1
    assert report.counts["asset"]["ready"] == 10_001
    queues = {each.queue: each for each in report.queues}
    assert queues["rindle_process"].waiting == JOBS // 25


@pytest.mark.parametrize(
    "check", [each.id for each in CHECKS if each.place == "database" and not each.deep]
)
def test_a_check_of_the_doctor_reads_no_table_from_end_to_end(check: str):
    assert slow(lambda: diagnose(only=[check])) == []


def test_the_tables_are_those_that_can_grow():
    assert {"rindle_asset", "rindle_variant", "rindle_transition"} < set(TABLES)
