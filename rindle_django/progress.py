"""How far long work has come: it says so as it goes, and whoever started it may listen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[int, int | None], object]


def _nobody(_done: int, _of: int | None) -> None:
    return


_listener: ContextVar[Listener] = ContextVar("rindle_progress", default=_nobody)


@contextmanager
def followed_by(listener: Listener) -> Iterator[None]:
    """Inside, ``listener`` hears of every ``advanced``: how many more, and of how many in all."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def taking_turns() -> Iterator[None]:
    """Inside, the listener hears of one thread's work at a time."""
    listener, turn = _listener.get(), threading.Lock()

    def listen(done: int, of: int | None) -> None:
        with turn:
            listener(done, of)

    with followed_by(listen):
        yield


def advanced(done: int = 1, *, of: int | None = None) -> None:
    """So many more rows are done for good; ``of`` is how many there are, where that is known."""
    _listener.get()(done, of)
