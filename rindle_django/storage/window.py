"""Windows of time, within which a signed URL does not change.

A URL that is new on every page view is never found in a cache; one that is shared by everybody
who asks within the same window is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

MAX_WINDOW = 86_400


@dataclass(frozen=True)
class Window:
    """``start`` and ``end`` are Unix seconds; the window holds ``start <= now < end``."""

    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


def longest_life(ttl: int) -> int:
    """How many seconds a URL lives at most from the moment when it was issued."""
    return ttl + _length(ttl)


def window_for(ttl: int, now: float | None = None) -> Window:
    """The window that is open now, half as long as ``ttl``.

    A URL valid from ``start`` until ``end + ttl`` therefore has between once and one and a half
    times ``ttl`` to live whenever it is handed out.
    """
    moment = int(time.time() if now is None else now)
    length = _length(ttl)
    return Window(start=moment - moment % length, length=length)


def _length(ttl: int) -> int:
    return max(1, min(ttl // 2, MAX_WINDOW))
