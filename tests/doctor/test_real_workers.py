"""A worker that is not there, one that serves another queue, and one that serves ours."""

from __future__ import annotations

import time

import pytest
from django.db import connection

from rindle_django.operations.queues import workers
from rindle_django.operations.status import runtime_status
from rindle_django.testing import drain_jobs
from tests.doctor.signs import said_by, told
from tests.jobs.worker import work, working
from tests.kit import arrive, fresh, picture

pytestmark = pytest.mark.django_db(transaction=True)
MISSING = "queues.worker_missing"


def an_hour_passes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_events SET at = at - interval '1 hour'")


def until_one_is_alive() -> None:
    deadline = time.monotonic() + 30
    while workers()[0] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_missing_worker_is_told_from_one_that_serves_other_queues__C2_18():
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    an_hour_passes()
    assert "no worker is alive" in told(MISSING).finding
    with working("-q", "rindle_maintenance"):
        until_one_is_alive()
        diagnosis = told(MISSING)
        assert "1 job due in rindle_process" in diagnosis.finding
        assert "none of the workers that are alive serves it" in diagnosis.finding
        backlog = [each for each in runtime_status().findings if each.kind == "backlog"]
        assert [each.subject for each in backlog] == ["rindle_process"]
    work("-q", "rindle_process")
    assert said_by(MISSING) == []
    assert fresh(asset).state == "ready"
