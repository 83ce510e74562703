"""How often the storage is asked, seen from three sides: the adapter's methods, what botocore is
about to send, and the sockets that Python connects.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rindle_django.storage import adapter_for
from rindle_django.storage.s3 import S3Adapter


class Calls:
    """The interpreter keeps an audit hook for good; ``open`` says whether it counts."""

    def __init__(self, alias: str = "default") -> None:
        adapter = adapter_for(alias)
        assert isinstance(adapter, S3Adapter)
        self.seen: Counter[str] = Counter()
        self.open = False
        for name in adapter.TOUCHES_STORAGE:
            setattr(adapter, name, self._counted(name, getattr(adapter, name)))
        adapter.bucket.client.meta.events.register(
            "before-send.s3", lambda **_: self._count("botocore")
        )
        sys.addaudithook(lambda event, _: self._count(event) if event == "socket.connect" else None)

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        self.seen.clear()
        self.open = True
        try:
            yield self.seen
        finally:
            self.open = False

    def _count(self, what: str) -> None:
        if self.open:
            self.seen[what] += 1

    def _counted(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._count(name)
            return method(*args, **kwargs)

        return call
