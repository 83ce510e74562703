"""Whether there is room on the disk for what is to be made.

As much again as the source holds, or a little where that is less: outputs are made to be smaller.
Who needs more finds out on the way, and is tried again like who found none at all.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from rindle_django.errors import TransientFailure

LEAST = 64 << 20


def needed_for(source: Path) -> int:
    return max(LEAST, source.stat().st_size)


def check_room(source: Path, folder: Path) -> None:
    """Refuse to begin what could not be finished. Raises TransientFailure("disk_full")."""
    if shutil.disk_usage(folder).free < needed_for(source):
        raise disk_full(source, folder)


def disk_full(source: Path, folder: Path) -> TransientFailure:
    free = shutil.disk_usage(folder).free
    return TransientFailure(
        "disk_full", needed=needed_for(source), folder="the folder for working copies", free=free
    )
