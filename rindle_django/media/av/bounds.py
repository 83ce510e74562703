"""How much one run of FFmpeg may take: enforced by the kernel, and by who waits for it.

None of them cuts an output short: whoever reaches one fails, and says which (W3.7).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

from rindle_django.conf import config

MEGABYTE = 1 << 20
_MOST_THREADS = 8
# For whatever there is to be started and opened, and then for each second of the media.
_LEAST_SECONDS = 300.0
_SECONDS_FOR_EACH = 20.0
_LEAST_OUTPUT = 1024 * MEGABYTE
_OUTPUT_FOR_EACH = 10 * MEGABYTE


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Of one run. ``memory_bytes`` is address space, ``output_bytes`` the largest file that may be
    written, ``cpu_seconds`` of all threads together."""

    wall_seconds: float
    cpu_seconds: int
    memory_bytes: int
    output_bytes: int
    threads: int

    @classmethod
    def for_duration(cls, duration_ms: int | None) -> Self:
        """In proportion to the media, twenty times as long as it plays; what nobody could measure
        counts as the longest that is allowed."""
        seconds = config().MAX_DURATION if duration_ms is None else duration_ms / 1000
        wall, threads = _LEAST_SECONDS + _SECONDS_FOR_EACH * seconds, thread_count()
        return cls(
            wall_seconds=wall,
            cpu_seconds=int(wall * threads),
            memory_bytes=config().TRANSCODER_MEMORY,
            output_bytes=_LEAST_OUTPUT + int(_OUTPUT_FOR_EACH * seconds),
            threads=threads,
        )


def thread_count() -> int:
    return config().TRANSCODER_THREADS or min(_MOST_THREADS, os.cpu_count() or 1)
