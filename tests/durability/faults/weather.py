"""A file system with faults: each strikes chosen calls of one operation, and counts them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import FileSystemStorage
from django.test import override_settings
from pytest_django import Settings

from rindle_django.errors import TransientFailure
from rindle_django.storage import Deletion, registry
from rindle_django.storage.filesystem import FileSystemAdapter

Call = Callable[[], Any]


def unavailable() -> TransientFailure:
    return TransientFailure("storage_unavailable", alias="default", operation="it", detail="storm")


def refuse(adapter: FaultyAdapter, call: Call) -> Any:
    """The error comes before anything has happened."""
    raise unavailable()


def lose_the_answer(adapter: FaultyAdapter, call: Call) -> Any:
    """It is done, and its caller hears of an error."""
    call()
    raise unavailable()


def surprise(adapter: FaultyAdapter, call: Call) -> Any:
    """An error that nobody has foreseen."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def deny(adapter: FaultyAdapter, call: Call) -> Any:
    with adapter.folder.translated("it"):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def crawl(adapter: FaultyAdapter, call: Call) -> Any:
    """The time of the operation is over before its first chunk."""
    slow = {"STORAGE_TIMEOUT": -1.0, "STORAGE_MIN_RATE": 1 << 40}
    with override_settings(RINDLE={**django_settings.RINDLE, **slow}):
        return call()


def tear(adapter: FaultyAdapter, call: Call) -> Any:
    """The file ends in its midst while it is read."""
    whole = adapter.folder.chunks

    def half(*args: Any) -> Iterator[bytes]:
        for chunk in whole(*args):
            yield chunk[: len(chunk) // 2]

    adapter.folder.chunks = half  # type: ignore[method-assign, assignment]
    try:
        return call()
    finally:
        del adapter.folder.chunks


def keep_one(adapter: FaultyAdapter, call: partial[Deletion]) -> Deletion:
    """A deletion in part."""
    keys = list(call.args[1])
    done = FileSystemAdapter.delete(adapter, keys[:-1])
    return Deletion(done.confirmed, {**done.failed, keys[-1]: "storage_unavailable"})


@dataclass
class Weather:
    """Strikes ``times`` calls of ``operation``, after ``spared`` ones."""

    operation: str
    fault: Callable[[Any, Any], Any]
    times: int = 1
    spared: int = 0
    struck: int = 0

    def befalls(self, operation: str) -> bool:
        if operation != self.operation or self.struck == self.times:
            return False
        if self.spared:
            self.spared -= 1
            return False
        self.struck += 1
        return True

    def clear_up(self) -> None:
        self.times = self.struck


NOW: list[Weather] = []


def _exposed(operation: str) -> Callable[..., Any]:
    sheltered = getattr(FileSystemAdapter, operation)

    def call(self: FaultyAdapter, *args: Any, **kwargs: Any) -> Any:
        for weather in NOW:
            if weather.befalls(operation):
                return weather.fault(self, partial(sheltered, self, *args, **kwargs))
        return sheltered(self, *args, **kwargs)

    return call


class FaultyStorage(FileSystemStorage):
    """Only a name for the adapter below to be registered under."""


class FaultyAdapter(FileSystemAdapter):
    stat = _exposed("stat")
    read_range = _exposed("read_range")
    download = _exposed("download")
    put_file = _exposed("put_file")
    put_stream = _exposed("put_stream")
    copy = _exposed("copy")
    delete = _exposed("delete")


@pytest.fixture
def outdoors(settings: Settings) -> Iterator[Callable[[Weather], Weather]]:
    """Puts the default storage outdoors; what is given to it is the weather there."""
    here = f"{__name__}.FaultyStorage"
    registry.register_adapter(here, f"{__name__}.FaultyAdapter")
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "BACKEND": here},
    }

    def let(weather: Weather) -> Weather:
        NOW[:] = [weather]
        return weather

    yield let
    NOW.clear()
    del registry.ADAPTERS[here]
    registry.reset()
