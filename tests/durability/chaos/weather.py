"""A file system in bad weather: one call in twenty fails, loses its answer, is slow or cut short.

Faults come from below the adapter's promises, as a network's would: a read that is cut short is
for the adapter to notice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from django.core.files.storage import FileSystemStorage

from rindle_django.errors import TransientFailure
from rindle_django.storage.filesystem import FileSystemAdapter
from rindle_django.storage.folder import Folder
from tests.durability.chaos.journal import BOARD, FAULTS, Board, note

RATE = 0.05
KINDS = ("error before", "answer lost", "slow", "cut short")
SLOWEST = 1.5
CRAWL = 240.0  # how long a download takes while everything is slow
CRAWLING = "crawling"
JOURNEY = 2.0  # how long it takes from a storage that is far away


class WeatheredStorage(FileSystemStorage):
    """Only a name for the adapter below to be registered under."""


def _lost(alias: str, operation: str) -> TransientFailure:
    return TransientFailure(
        "storage_unavailable", alias=alias, operation=operation, detail="bad weather"
    )


def _fault(kinds: tuple[str, ...]) -> str | None:
    """The kind of fault that this call meets with, if any; it is written down."""
    if not BOARD.raised(Board.STORM) or random.random() >= RATE:
        return None
    kind = random.choice(kinds)
    note(FAULTS, kind)
    return kind


def _exposed(operation: str) -> Callable[..., Any]:
    sheltered = getattr(FileSystemAdapter, operation)

    def call(self: FileSystemAdapter, *args: Any, **options: Any) -> Any:
        kind = _fault(KINDS[:3])
        if kind == "error before":
            raise _lost(self.alias, operation)
        if kind == "slow":
            time.sleep(random.uniform(0.1, SLOWEST))
        answer = sheltered(self, *args, **options)
        if kind == "answer lost":
            raise _lost(self.alias, operation)
        return answer

    call.__name__ = operation
    return call


def _travel() -> None:
    if BOARD.raised(Board.SLOW):
        note(FAULTS, CRAWLING)
        time.sleep(CRAWL)
    if BOARD.raised(Board.DISTANT):
        time.sleep(JOURNEY)


class WeatheredFolder(Folder):
    def chunks(self, stream: BinaryIO, operation: str) -> Iterator[bytes]:
        if operation == "download":
            _travel()
        cut = operation == "download" and _fault(KINDS[3:]) is not None
        for chunk in super().chunks(stream, operation):
            yield chunk[: len(chunk) // 2] if cut else chunk


class WeatheredAdapter(FileSystemAdapter):
    def __init__(self, alias: str, storage: FileSystemStorage) -> None:
        super().__init__(alias, storage)
        self.folder = WeatheredFolder(alias, storage)

    stat = _exposed("stat")
    read_range = _exposed("read_range")
    download = _exposed("download")
    put_file = _exposed("put_file")
    put_stream = _exposed("put_stream")
    copy = _exposed("copy")
    delete = _exposed("delete")
