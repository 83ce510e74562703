"""The line on a terminal that says how far a command has come. Silent where nobody looks."""

from __future__ import annotations

import time

from django.core.management.base import OutputWrapper

EVERY = 0.2
"""Seconds between two looks of the line."""


class Meter:
    """Counts the ``unit`` (a plural) that are done, and shows it if ``stream`` is a terminal."""

    def __init__(self, stream: OutputWrapper, unit: str, *, quiet: bool = False) -> None:
        self._stream, self._unit = stream, unit
        self._shown = not quiet and stream.isatty()
        self._began = self._looked = time.monotonic()
        self._drawn = False
        self.done = 0
        self.of: int | None = None

    def advance(self, done: int, of: int | None = None) -> None:
        self.done += done
        self.of = of if of is not None else self.of
        now = time.monotonic()
        if self._shown and now - self._looked >= EVERY:
            self._looked, self._drawn = now, True
            self._write(f"\r\x1b[K{self}, {self._pace(now)}")

    def clear(self) -> None:
        """Take the line away, so that the report stands alone."""
        if self._drawn:
            self._write("\r\x1b[K")

    def __str__(self) -> str:
        if not self.of:
            return f"{self.done:,} {self._unit}"
        return f"{self.done:,} of {self.of:,} {self._unit} ({min(1, self.done / self.of):.0%})"

    def _pace(self, now: float) -> str:
        rate = self.done / max(now - self._began, EVERY)
        left = (
            "" if not self.of or not rate else f", {max(0, self.of - self.done) / rate:,.0f} s left"
        )
        return f"{rate:,.0f}/s{left}"

    def _write(self, text: str) -> None:
        self._stream.write(text, style_func=str, ending="")
        self._stream.flush()
