"""What has to outlive its writer: append-only files, and a page of memory that all share.

A line is one write to a file opened for appending, so a process killed right after it has still
said it, and lines of several writers do not mix.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rindle_django.events import Event, Measurements, Metadata

HISTORY, EVENTS, FAULTS = "history.tsv", "events.tsv", "faults.tsv"


@cache
def _opened(name: str, pid: int) -> int:
    return os.open(folder() / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def forget() -> None:
    """Write to another folder from now on."""
    _opened.cache_clear()


def folder() -> Path:
    """Where the run writes."""
    return Path(os.environ["CHAOS_FOLDER"])


def note(name: str, *fields: object) -> None:
    """Add a line: the time, who writes, and ``fields``."""
    line = "\t".join(str(field) for field in (f"{time.time():.6f}", os.getpid(), *fields))
    os.write(_opened(name, os.getpid()), f"{line}\n".encode())


def lines(name: str) -> Iterator[list[str]]:
    """The lines of a file, one at a time."""
    path = folder() / name
    if path.exists():
        with path.open() as file:
            for line in file:
                yield line.rstrip("\n").split("\t")


def take_down(event: Event, measurements: Measurements, metadata: Metadata) -> None:
    """Every event of a row's transition, as its receivers are told of it."""
    if "asset_id" in metadata:
        variant = metadata.get("variant_name", "")
        note(
            EVENTS,
            metadata["asset_id"],
            event.name,
            variant,
            metadata.get("from", ""),
            metadata.get("to", ""),
        )


class Board:
    """Flags that the harness raises and all its processes see, at once and without a lock."""

    STORM, CLOSING, HOLD, SLOW, DISTANT = range(5)

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, mmap.PAGESIZE)

    def raised(self, flag: int) -> bool:
        return self._shared[flag] != 0

    def set(self, flag: int, value: bool) -> None:
        self._shared[flag] = int(value)


BOARD = Board()
