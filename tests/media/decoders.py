"""Looking at the decoder processes from outside, as an operator would with ``ps``."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def decoders(parent: int | None = None) -> set[int]:
    """The decoders that ``parent`` (this process by default) has running."""
    # Whole lines, however long the path to the interpreter is.
    command = ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,command="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 3) for line in listing.splitlines()]
    return {
        int(pid)
        for pid, ppid, stat, line in rows
        if "rindle_django.media.child" in line
        and int(ppid) == (parent or os.getpid())
        and not stat.startswith("Z")
    }


def alive(pid: int) -> bool:
    listing = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(listing) and not listing.startswith("Z")


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def environment_of(pid: int) -> str:
    """What a process was given as its environment."""
    block = Path(f"/proc/{pid}/environ")
    if block.exists():
        return block.read_bytes().decode("utf-8", "replace").replace("\0", "\n")
    listing = ["ps", "eww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout
