"""Batches of rows, two at a time: a connection uses one processor of the database's, however many
it has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import chain, islice
from typing import Generic, TypeVar

from django.db import connections

from rindle_django.conf import database
from rindle_django.progress import taking_turns

B = TypeVar("B")
R = TypeVar("R")


class _Shared(Generic[B]):
    """What is left to do. Who takes the next batch also reads it, on his own connection."""

    def __init__(self, batches: Iterator[B]) -> None:
        self._batches = batches
        self._turn = threading.Lock()

    def __iter__(self) -> Iterator[B]:
        return self

    def __next__(self) -> B:
        with self._turn:
            return next(self._batches)

    def close(self) -> None:
        with self._turn:
            self._batches = iter(())


def side_by_side(batches: Iterator[B], do: Callable[[B], R], add: Callable[[R], object]) -> None:
    """``do`` each batch and ``add`` what it gives, which happens one by one.

    The caller is one of the hands; another one helps with what is more than one batch. Within a
    transaction of the caller's there is none: what another connection does is no part of it. If
    one of them fails, or is stopped, the other ends its batch and begins no more.
    """
    shared, turn = _Shared(batches), threading.Lock()

    def work(batches: Iterable[B]) -> None:
        try:
            for batch in batches:
                done = do(batch)
                with turn:
                    add(done)
        finally:
            shared.close()

    def help_along() -> None:
        try:
            work(shared)
        finally:
            connections.close_all()

    if connections[database()].in_atomic_block:
        work(shared)
        return
    first = list(islice(shared, 1))
    with taking_turns(), ThreadPoolExecutor(1, "rindle-beside") as another:
        helping = another.submit(copy_context().run, help_along)
        work(chain(first, shared))
    helping.result()
