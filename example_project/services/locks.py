"""File locks between processes. The kernel drops them with their process, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO


@contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Wait until no other process is inside."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Lease:
    """One process's statement that it uses a shared thing."""

    file: IO[str]
    process: int

    @classmethod
    def take(cls, path: Path) -> Lease:
        file = path.open("a")
        fcntl.flock(file, fcntl.LOCK_SH)
        return cls(file, os.getpid())

    def give_up(self) -> bool:
        """End the lease; true if it was the last one.

        A forked child has inherited its parent's lease and may not end it.
        """
        if self.process != os.getpid() or self.file.closed:
            return False
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            self.file.close()
        return True


def claim_number(directory: Path) -> int:
    """The lowest number that no other living process holds; this process holds it to its end."""
    directory.mkdir(parents=True, exist_ok=True)
    for number in count():
        lock = os.open(directory / f"{number}.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return number
    raise AssertionError("count() does not end")
