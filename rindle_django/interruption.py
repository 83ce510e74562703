"""Long work that nobody wants any more is stopped: whoever waits in it asks from time to time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# How often work has to ask, in seconds.
INTERVAL = 0.5


class Interrupted(Exception):
    """The work was stopped from outside. Says nothing about the bytes."""


def _never() -> bool:
    return False


_unwanted: ContextVar[Callable[[], bool]] = ContextVar("rindle_unwanted", default=_never)


@contextmanager
def interrupted_when(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Inside, ``checkpoint`` raises once ``unwanted`` is true."""
    token = _unwanted.set(unwanted)
    try:
        yield
    finally:
        _unwanted.reset(token)


def checkpoint() -> None:
    """Raise Interrupted if the work that this belongs to has become unwanted."""
    if _unwanted.get()():
        raise Interrupted


def attentive(receive: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """``receive``, with a checkpoint before each piece."""

    def received(chunk: bytes) -> None:
        checkpoint()
        receive(chunk)

    return received
