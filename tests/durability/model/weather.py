"""A file system whose answers can be lost: out for a while, or failing once at a chosen call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.core.files.storage import FileSystemStorage

from rindle_django.errors import TransientFailure
from rindle_django.storage.filesystem import FileSystemAdapter

WEAK_SPOTS = ("stat", "read_range", "download", "copy", "put_file", "delete")


class WeatheredStorage(FileSystemStorage):
    """Only a name for the adapter below to be registered under."""


@dataclass
class Weather:
    """``strikes`` is the call that fails next: before it does anything, or with its answer lost."""

    outage: bool = False
    strikes: str = ""
    answer_lost: bool = False
    struck: int = 0

    def clear_up(self) -> None:
        self.outage, self.strikes = False, ""

    def over(self, operation: str, call: Callable[[], Any]) -> Any:
        if self.outage:
            raise _thunder(operation)
        if operation != self.strikes:
            return call()
        self.strikes = ""
        self.struck += 1
        if self.answer_lost:
            call()
        raise _thunder(operation)


def _thunder(operation: str) -> TransientFailure:
    return TransientFailure(
        "storage_unavailable", alias="default", operation=operation, detail="thunder"
    )


WEATHER = Weather()


def _exposed(operation: str) -> Callable[..., Any]:
    sheltered = getattr(FileSystemAdapter, operation)

    @wraps(sheltered)
    def call(self: FileSystemAdapter, *args: Any, **kwargs: Any) -> Any:
        return WEATHER.over(operation, lambda: sheltered(self, *args, **kwargs))

    return call


class WeatheredAdapter(FileSystemAdapter):
    stat = _exposed("stat")
    open = _exposed("open")
    read_range = _exposed("read_range")
    download = _exposed("download")
    put_file = _exposed("put_file")
    put_stream = _exposed("put_stream")
    copy = _exposed("copy")
    delete = _exposed("delete")
    sweep_temp = _exposed("sweep_temp")
