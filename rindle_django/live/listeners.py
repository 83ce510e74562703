"""One ear, many listeners: the streams of this process share one connection to the database."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from rindle_django.live.channel import listen


class Subscription:
    """What one listener wants to hear of, and which of that has changed since it last looked."""

    def __init__(self, keys: Collection[str]) -> None:
        self.keys = frozenset(keys)
        self._changed: set[str] = set()
        self._news = asyncio.Event()

    def tell(self, keys: Collection[str]) -> None:
        self._changed.update(keys)
        self._news.set()

    async def news(self, patience: float) -> set[str]:
        """The keys that changed; waits for some, and gives none after ``patience`` seconds."""
        try:
            async with asyncio.timeout(patience):
                await self._news.wait()
        except TimeoutError:
            return set()
        self._news.clear()
        changed, self._changed = self._changed, set()
        return changed


class Hub:
    """Listens while somebody listens to it, and not longer."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = defaultdict(set)
        self._ear: asyncio.Task[None] | None = None
        self._hears = False

    @property
    def listeners(self) -> int:
        return len(self._all())

    @property
    def awake(self) -> bool:
        return self._ear is not None

    @contextmanager
    def subscribed(self, keys: Collection[str]) -> Iterator[Subscription]:
        """Hear of the assets with these ids. All of them count as changed as soon as changes are
        heard: who reads on that word loses none."""
        subscription = Subscription(keys)
        for key in subscription.keys:
            self._subscriptions[key].add(subscription)
        if self._ear is None:
            self._ear = asyncio.get_running_loop().create_task(listen(self._heard))
        elif self._hears:
            subscription.tell(subscription.keys)
        try:
            yield subscription
        finally:
            self._leave(subscription)

    def _leave(self, subscription: Subscription) -> None:
        for key in subscription.keys:
            self._subscriptions[key].discard(subscription)
            if not self._subscriptions[key]:
                del self._subscriptions[key]
        if not self._subscriptions and self._ear is not None:
            self._ear.cancel()
            self._ear, self._hears = None, False

    def _heard(self, key: str | None) -> None:
        if key is None:
            self._hears = True
            for subscription in self._all():
                subscription.tell(subscription.keys)
            return
        for subscription in self._subscriptions.get(key, ()):
            subscription.tell([key])

    def _all(self) -> set[Subscription]:
        return {each for those in self._subscriptions.values() for each in those}


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running loop: a process that serves has one."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
