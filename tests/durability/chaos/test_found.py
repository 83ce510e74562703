"""What the chaos has found, each made small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import OperationalError, connection, connections, transaction

from rindle_django import jobs
from rindle_django.lifecycle import persistently
from rindle_django.models import Transition
from rindle_django.testing import Recorder
from tests.kit import promise, queued_jobs

pytestmark = pytest.mark.django_db(transaction=True)


def cut_off(pid: int) -> None:
    """End a connection from outside, as a restart of the server does."""
    parameters = connection.get_connection_params()
    for unknown in ("cursor_factory", "context"):
        parameters.pop(unknown)
    with psycopg.connect(**parameters) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def own_backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid: int = cursor.fetchone()[0]
        return pid


@contextmanager
def cut_off_once(statement: str) -> Iterator[None]:
    """The connection ends when it is about to send what has ``statement`` in it."""
    left = [statement]

    def watch(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if left and left[0] in sql:
            left.clear()
            cut_off(own_backend())
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(watch):
        yield
    assert not left, "it was never sent"
    connections.close_all()


def enqueue() -> None:
    with transaction.atomic():
        jobs.enqueue(jobs.PROMOTE, asset_id=str(uuid4()))


def test_a_database_that_goes_away_over_a_job_is_an_error_of_the_database():
    with cut_off_once("procrastinate_defer_jobs"), pytest.raises(OperationalError):
        enqueue()


def test_a_last_word_is_said_again_when_the_database_went_away_over_its_job():
    with cut_off_once("procrastinate_defer_jobs"):
        persistently(enqueue)
    assert len(queued_jobs()) == 1


def test_what_was_committed_is_not_taken_for_failed_when_its_events_cannot_be_sent(
    events: Recorder,
):
    with transaction.atomic():
        pid = own_backend()
        transaction.on_commit(lambda: cut_off(pid))
        ticket = promise()
    connections.close_all()
    told = Transition.objects.filter(asset_id=ticket.asset_id, subject="session")
    assert set(told.values_list("emitted_at", flat=True)) == {None}  # the reconciler's to send
    assert events.emitted == []
