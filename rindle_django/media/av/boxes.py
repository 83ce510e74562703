"""The outermost boxes of MP4 and QuickTime: enough to tell a broken upload from a broken file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_MOST = 1000
_KNOWN = frozenset({b"ftyp", b"mdat", b"wide", b"free", b"skip", b"uuid", b"pnot"})


def lacks_index(path: Path) -> bool:
    """Whether these are boxes of media whose index was still to come when the file ended."""
    names = [name for name, _ in _boxes(path)]
    return b"mdat" in names and b"moov" not in names and set(names) <= _KNOWN


def _boxes(path: Path) -> Iterator[tuple[bytes, int]]:
    at, size = 0, path.stat().st_size
    with path.open("rb") as file:
        for _ in range(_MOST):
            file.seek(at)
            header = file.read(16)
            if len(header) < 8:
                return
            length = int.from_bytes(header[:4], "big")
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            yield header[4:8], length
            if length < 8 or at + length >= size:
                return
            at += length
