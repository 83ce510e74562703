"""Several people at once: threads with database connections of their own, let go together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from rindle_django.models import Asset

PATIENCE = 20


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Run all ``actions`` at the same moment; what each returned, or the exception it raised."""
    start = threading.Barrier(len(actions))
    answers: list[Any] = [None] * len(actions)

    def act(number: int) -> None:
        try:
            start.wait(PATIENCE)
            answers[number] = actions[number]()
        except Exception as error:
            answers[number] = error
        finally:
            connections.close_all()

    crowd = [threading.Thread(target=act, args=(each,)) for each in range(len(actions))]
    for person in crowd:
        person.start()
    for person in crowd:
        person.join(PATIENCE)
    assert not any(person.is_alive() for person in crowd), "somebody waits for ever"
    return answers


class Somebody:
    """One other person, whose action runs beside the test's own until it is waited for."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self._action = action
        self._answer: Any = None
        self._thread = threading.Thread(target=self._act)
        self._thread.start()

    def _act(self) -> None:
        try:
            self._answer = self._action()
        except Exception as error:
            self._answer = error
        finally:
            connections.close_all()

    def answer(self) -> Any:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "somebody waits for ever"
        return self._answer


class Doze:
    """A worker that falls asleep at a point of its work until it is woken."""

    def __init__(self) -> None:
        self.asleep, self.woken = threading.Event(), threading.Event()
        self.dreamer: threading.Thread | None = None

    def __call__(self) -> None:
        if self.dreamer is not None:
            return  # only the first falls asleep
        self.dreamer = threading.current_thread()
        self.asleep.set()
        assert self.woken.wait(PATIENCE)

    @contextmanager
    def while_asleep(self) -> Iterator[None]:
        """What is done in the block is done while the worker sleeps; then it wakes."""
        assert self.asleep.wait(PATIENCE)
        try:
            yield
        finally:
            self.woken.set()

    def during(self, action: Callable[[], Any]) -> Any:
        with self.while_asleep():
            return action()


def wait_until_blocked(count: int = 1) -> None:
    """Return once ``count`` other connections wait for a lock, by Postgres' own word."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0] >= count:
                return
    raise AssertionError("nobody came to wait for the lock")


@contextmanager
def holding(asset_id: UUID | str) -> Iterator[None]:
    """Hold an asset's row, as somebody in the midst of a decision does."""
    with transaction.atomic():
        Asset.objects.select_for_update().get(pk=asset_id)
        yield
