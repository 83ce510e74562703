"""What /proc tells of other processes: who started them, and for whom they work."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

DECODER = b"rindle_django.media.child"


def children_of(parents: set[int]) -> list[int]:
    """Living processes that one of ``parents`` has started."""
    found: list[int] = []
    for folder in _all():
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) in parents and state != "Z":
                found.append(int(folder.name))
    return found


def decoders_of(run: Path, patience: float = 0.0) -> list[int]:
    """Decoders whose temporary folder was below ``run``, unless they end within ``patience``."""
    deadline = time.monotonic() + patience
    while (found := list(_decoders(run))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _decoders(run: Path) -> Iterator[int]:
    for folder in _all():
        with contextlib.suppress(OSError):
            ours = os.fsencode(run) in (folder / "environ").read_bytes()
            if ours and DECODER in (folder / "cmdline").read_bytes():
                yield int(folder.name)


def _all() -> Iterator[Path]:
    return Path("/proc").glob("[0-9]*")
