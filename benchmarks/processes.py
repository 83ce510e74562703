"""What the kernel knows of processes: relatives, and time of processors. Linux only."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

DECODER = "rindle_django.media.child"


def family(pid: int) -> list[int]:
    """A process and its children, whichever of its threads started them."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(int(child) for each in lists for child in each.read_text().split())]


def is_decoder(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return DECODER in file_of(pid, "cmdline").read_text()
    return False


def parent_of(pid: int) -> int:
    return int(_stat(pid)[1])


def cpu_seconds(pid: int) -> float:
    """Of the process, and of those of its children that have ended; 0.0 if it has ended itself by
    now, as its time is then its parent's."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return sum(int(each) for each in _stat(pid)[11:15]) / os.sysconf("SC_CLK_TCK")
    return 0.0


def file_of(pid: int, name: str) -> Path:
    return Path(f"/proc/{pid}/{name}")


def megabytes(pid: int, file: str, name: str) -> float:
    lines = file_of(pid, file).read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def _stat(pid: int) -> list[str]:
    """The fields behind the name of the program, which may hold blanks."""
    return file_of(pid, "stat").read_text().rpartition(")")[2].split()
