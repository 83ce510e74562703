"""How long one call to a storage may take in all, whatever keeps it alive meanwhile.

Timeouts of connecting and reading bound every single wait. A server that sends a byte now and then
keeps within them for hours (row 13); a deadline on the monotonic clock, which nobody sets, does not
let it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO

from rindle_django.conf import config
from rindle_django.errors import TransientFailure

SECONDS_PER_KEY = 1.0
"""What each key of a call about many adds to its time: they are asked about one by one."""


class Deadline:
    """The end of one call: ``STORAGE_TIMEOUT``, and the time that its bytes and keys may take."""

    def __init__(self, alias: str, operation: str) -> None:
        self.alias = alias
        self.operation = operation
        self.begin()

    def begin(self, *, size: int = 0, keys: int = 0) -> None:
        self.seconds = (
            config().STORAGE_TIMEOUT + size / config().STORAGE_MIN_RATE + keys * SECONDS_PER_KEY
        )
        self._end = time.monotonic() + self.seconds

    def check(self) -> None:
        if time.monotonic() >= self._end:
            raise TransientFailure(
                "storage_unavailable",
                alias=self.alias,
                operation=self.operation,
                detail=f"not done within {self.seconds:.1f} s",
            )


_in_force: ContextVar[Deadline | None] = ContextVar("rindle_storage_deadline", default=None)


def in_force() -> bool:
    """Whether a call to a storage is going on."""
    return _in_force.get() is not None


@contextmanager
def within(alias: str, operation: str) -> Iterator[None]:
    """One call to a storage. Calls that it makes itself are part of it."""
    if _in_force.get() is not None:
        yield
        return
    token = _in_force.set(Deadline(alias, operation))
    try:
        yield
    finally:
        _in_force.reset(token)


def begin(*, size: int = 0, keys: int = 0) -> None:
    """The call in force has this to do from now on; what it waited for others does not count."""
    if (deadline := _in_force.get()) is not None:
        deadline.begin(size=size, keys=keys)


def check() -> None:
    """Raise TransientFailure("storage_unavailable") if the time of the call in force is over."""
    if (deadline := _in_force.get()) is not None:
        deadline.check()


class Timed:
    """A stream on its way out that ends with an error when the time of the call is over."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int = -1) -> bytes:
        check()
        return self._stream.read(size)
