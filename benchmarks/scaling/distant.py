"""A file system that answers as late as a storage across a network."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from django.core.files.storage import FileSystemStorage

from rindle_django.storage.filesystem import FileSystemAdapter

# Seconds by which every call is later, in the processes that are told so.
DISTANCE = "BENCHMARK_DISTANCE"


class DistantStorage(FileSystemStorage):
    """Only a name for the adapter below to be registered under."""


def _late(operation: str) -> Callable[..., Any]:
    near = getattr(FileSystemAdapter, operation)

    def call(self: FileSystemAdapter, *args: Any, **options: Any) -> Any:
        time.sleep(float(os.environ.get(DISTANCE, "0")))
        return near(self, *args, **options)

    call.__name__ = operation
    return call


class DistantAdapter(FileSystemAdapter):
    stat = _late("stat")
    read_range = _late("read_range")
    download = _late("download")
    put_file = _late("put_file")
    put_stream = _late("put_stream")
    copy = _late("copy")
    delete = _late("delete")
