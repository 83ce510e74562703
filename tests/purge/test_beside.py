"""Two hands for what is more than one batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from rindle_django.lifecycle import caused_by
from rindle_django.models import Transition
from rindle_django.operations import cleanup
from rindle_django.operations.beside import side_by_side
from rindle_django.operations.cleanup import abort_incomplete_uploads
from rindle_django.operations.reconcile import reconcile
from rindle_django.progress import advanced, followed_by
from tests.purge.test_cleanup import begun, time_runs_out
from tests.rows import variant_in

pytestmark = pytest.mark.django_db(transaction=True)


def _server_process(_: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_two_hands_work_at_the_same_time_and_on_their_own_connections():
    both, done = threading.Barrier(2, timeout=10), list[int]()

    def do(batch: int) -> int:
        both.wait()
        return _server_process(batch)

    side_by_side(iter(range(4)), do, done.append)
    assert len(done) == 4
    assert len(set(done)) == 2


@pytest.mark.parametrize("batches", [[], [1]])
def test_what_is_one_batch_needs_one_hand(batches: list[int]):
    done: list[int] = []
    side_by_side(iter(batches), lambda _: threading.get_ident(), done.append)
    assert done == [threading.get_ident()] * len(batches)


def test_in_a_transaction_nobody_helps():
    done: list[int] = []
    with transaction.atomic():
        side_by_side(iter(range(5)), _server_process, done.append)
        assert done == [_server_process(None)] * 5


@pytest.mark.parametrize("culprit", ["caller", "helper"])
def test_who_fails_ends_it_and_is_heard(culprit: str):
    began: list[int] = []
    caller = threading.get_ident()
    both = threading.Barrier(2, timeout=10)

    def do(batch: int) -> None:
        began.append(batch)
        if batch < 2:
            both.wait()
            if (threading.get_ident() == caller) == (culprit == "caller"):
                raise KeyboardInterrupt
            threading.Event().wait(0.2)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(iter(range(100)), do, lambda _: None)
    assert sorted(began)[:2] == [0, 1]
    assert len(began) < 100


def test_what_the_batches_raise_is_heard():
    def batches() -> Iterator[int]:
        yield 1
        raise RuntimeError("the line is dead")

    with pytest.raises(RuntimeError):
        side_by_side(batches(), lambda _: None, lambda _: None)


def test_all_uploads_are_ended_once_counted_and_told_of_with_their_cause(
    monkeypatch: pytest.MonkeyPatch,
):
    for _ in range(9):
        begun()
    time_runs_out()
    monkeypatch.setattr(cleanup, "BATCH", 2)
    heard: list[int] = []
    with followed_by(lambda done, _: heard.append(done)), caused_by(command="tidy"):
        report = abort_incomplete_uploads()
    assert (report.sessions_found, report.sessions_aborted, report.abort_errors) == (9, 9, 0)
    assert sum(heard) == 9
    causes = Transition.objects.filter(to_state="expired").values_list("cause", flat=True)
    assert list(causes) == [{"command": "tidy"}] * 9


def test_the_reconciler_keeps_to_its_limit_in_parts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rindle_django.operations.reconcile.PART", 2)
    for number in range(9):
        variant = variant_in("queued", name=f"v{number}")
        type(variant).objects.filter(pk=variant.pk).update(wake_at=variant.updated_at)
    assert [reconcile(5).variants, reconcile(5).variants, reconcile(5).variants] == [5, 4, 0]


def test_the_listener_is_told_by_one_thread_at_a_time():
    inside, seen = threading.Lock(), list[int]()

    def listen(done: int, _: int | None) -> None:
        assert inside.acquire(blocking=False)
        threading.Event().wait(0.01)
        seen.append(done)
        inside.release()

    with followed_by(listen):
        side_by_side(iter(range(10)), lambda _: advanced(), lambda _: None)
    assert seen == [1] * 10
