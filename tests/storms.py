"""A storage in bad weather: a file system that fails, or lets others in between, when told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from pytest_django import Settings

from rindle_django.errors import TransientFailure
from rindle_django.storage import registry
from rindle_django.storage.filesystem import FileSystemAdapter


class StormyStorage(FileSystemStorage):
    """Only a name for the adapter below to be registered under."""


class Sky:
    """What happens before which call. ``calls`` counts them, ``seen`` keeps their arguments."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.seen: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._before: dict[str, Callable[[], object]] = {}

    def before(self, operation: str, act: Callable[[], object]) -> None:
        self._before[operation] = act

    def break_down(self, *operations: str) -> None:
        for operation in operations:
            self._before[operation] = partial(_thunder, operation)

    def clear_up(self) -> None:
        self._before.clear()

    def struck(self, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.calls[operation] += 1
        self.seen.append((operation, args, kwargs))
        if operation in self._before:
            self._before[operation]()

    def arguments_of(self, operation: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(args, kwargs) for name, args, kwargs in self.seen if name == operation]


def _thunder(operation: str) -> None:
    raise TransientFailure(
        "storage_unavailable", alias="default", operation=operation, detail="thunder"
    )


SKY = [Sky()]


def _exposed(operation: str) -> Callable[..., Any]:
    sheltered = getattr(FileSystemAdapter, operation)

    def call(self: FileSystemAdapter, *args: Any, **kwargs: Any) -> Any:
        SKY[0].struck(operation, args, kwargs)
        return sheltered(self, *args, **kwargs)

    call.__name__ = operation
    return call


class StormyAdapter(FileSystemAdapter):
    stat = _exposed("stat")
    read_range = _exposed("read_range")
    download = _exposed("download")
    put_file = _exposed("put_file")
    put_stream = _exposed("put_stream")
    copy = _exposed("copy")
    delete = _exposed("delete")
    list_objects = _exposed("list_objects")
    sign_put = _exposed("sign_put")


@pytest.fixture
def sky(settings: Settings) -> Iterator[Sky]:
    """Puts the default storage outdoors."""
    here = f"{__name__}.StormyStorage"
    registry.register_adapter(here, f"{__name__}.StormyAdapter")
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "BACKEND": here},
    }
    SKY[0] = Sky()
    yield SKY[0]
    del registry.ADAPTERS[here]
    registry.reset()
