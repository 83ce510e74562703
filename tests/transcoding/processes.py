"""Looking from outside at the FFmpeg processes and working copies of a test."""

from __future__ import annotations

from pathlib import Path

from rindle_django import workspace


def transcoders() -> set[int]:
    """Every process that works in the test's own folder for working copies, whoever started it."""
    root = str(workspace.root()).encode()
    return {
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if root in _words(folder) and b"ffmpeg" in _words(folder)
    }


def decoders_of(parent: int) -> set[int]:
    """The decoders that were started by a process, whether that lives or not."""
    return {
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if b"rindle_django.media.child" in (words := _words(folder).split(b"\0"))
        and str(parent).encode() in words
    }


def _words(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


def working_copies() -> list[str]:
    return sorted(folder.name for folder in workspace.folders())
