"""The least and greatest samples along a sound of any length, in memory that does not grow."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterator

# How samples have to come: 32-bit floats of this machine, in FFmpeg's words.
SAMPLE_FORMAT = "f32le" if sys.byteorder == "little" else "f32be"
_SIZE = 4
# Windows that are kept for each point asked for: where one begins is right to an eighth of a point.
_SPARE = 16


class Peaks:
    """Fed with samples, it keeps the extent of each of many equal windows. How many samples there
    will be need not be known: when there are too many windows, neighbours become one."""

    def __init__(self, points: int) -> None:
        self.samples = 0
        self._points = points
        self._window = 1
        self._lows, self._highs = array("f"), array("f")
        self._pending = array("f")
        self._torn = b""

    def feed(self, chunk: bytes) -> None:
        chunk = self._torn + chunk
        whole = len(chunk) - len(chunk) % _SIZE
        self._torn = chunk[whole:]
        self._pending.frombytes(chunk[:whole])
        self.samples += whole // _SIZE
        used = 0
        while used + self._window <= len(self._pending):
            piece = self._pending[used : used + self._window]
            used += self._window
            self._keep(*_extent(piece))
        del self._pending[:used]

    def points(self) -> Iterator[tuple[float, float]]:
        """As many as were asked for, over the whole length, however short it is."""
        lows, highs = self._lows[:], self._highs[:]
        if self._pending or not lows:
            low, high = _extent(self._pending)
            lows.append(low)
            highs.append(high)
        for number in range(self._points):
            start = number * len(lows) // self._points
            end = max(start + 1, (number + 1) * len(lows) // self._points)
            yield min(lows[start:end]), max(highs[start:end])

    def _keep(self, low: float, high: float) -> None:
        self._lows.append(low)
        self._highs.append(high)
        if len(self._lows) == self._points * _SPARE:
            self._lows = array("f", map(min, self._lows[::2], self._lows[1::2]))
            self._highs = array("f", map(max, self._highs[::2], self._highs[1::2]))
            self._window *= 2


def _extent(samples: array[float]) -> tuple[float, float]:
    """Least and greatest, from -1 to 1. What is no number is nothing to be heard (W3.13)."""
    low, high = min(samples, default=0.0), max(samples, default=0.0)
    if not (math.isfinite(low) and math.isfinite(high)):
        finite = [sample for sample in samples if math.isfinite(sample)]
        low, high = min(finite, default=0.0), max(finite, default=0.0)
    return max(-1.0, min(1.0, low)), max(-1.0, min(1.0, high))
