"""The page again, later: which URLs a browser has in its cache.

A browser knows a file by its URL, and asks nobody for it while it is fresh, for as long as the
storage's Cache-Control says. The URLs are those that are really issued, at the time of a clock
that is put forward.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from rindle_django.storage import window

Issue = Callable[[], Sequence[str]]

HOUR, DAY = 3600, 86_400
AWAY = (5.0, 30.0)
"""Seconds that a reader looks at one entry before coming back to the list."""


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def time(self) -> float:
        return self.now


@contextmanager
def clock_put_forward() -> Iterator[Clock]:
    """The clock of what is signed."""
    clock, place = Clock(), cast("Any", window)
    real = place.time
    place.time = SimpleNamespace(time=clock.time)
    try:
        yield clock
    finally:
        place.time = real


class Browser:
    """``fresh`` seconds is how long what was fetched is not asked for again."""

    def __init__(self, fresh: float) -> None:
        self._fresh = fresh
        self._fetched: dict[str, float] = {}
        self.hits = self.asked = 0

    def show(self, shown: Sequence[str], now: float) -> None:
        for url in shown:
            self.asked += 1
            if now - self._fetched.get(url, -DAY) < self._fresh:
                self.hits += 1
            else:
                self._fetched[url] = now

    def forget_counts(self) -> None:
        self.hits = self.asked = 0

    @property
    def percent(self) -> float:
        return 100 * self.hits / self.asked


def freshness(cache_control: str) -> int:
    found = re.search(r"max-age=(\d+)", cache_control)
    assert found, cache_control
    return int(found[1])


def an_hour_of_browsing(issue: Issue, fresh: int, seed: int) -> float:
    """Percent of hits of a reader who goes from the list to an entry and back, for an hour; the
    first visit, which finds nothing, is not a replay."""
    chance, browser = Random(seed), Browser(fresh)
    with clock_put_forward() as clock:
        clock.now += chance.uniform(0, DAY)
        end = clock.now + HOUR
        browser.show(issue(), clock.now)
        browser.forget_counts()
        while clock.now < end:
            clock.now += chance.uniform(*AWAY)
            browser.show(issue(), clock.now)
    return browser.percent


def after(gap: float, issue: Issue, fresh: int, times: int) -> float:
    """Percent of hits of a second visit ``gap`` seconds after a first one at any time of a day."""
    chance, hits, asked = Random(gap), 0, 0
    with clock_put_forward() as clock:
        begin = clock.now
        for _ in range(times):
            browser = Browser(fresh)
            clock.now = begin + chance.uniform(0, DAY)
            browser.show(issue(), clock.now)
            browser.forget_counts()
            clock.now += gap
            browser.show(issue(), clock.now)
            hits, asked = hits + browser.hits, asked + browser.asked
    return 100 * hits / asked
