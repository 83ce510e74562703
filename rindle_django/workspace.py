"""Working copies: a fresh folder for each piece of work, gone when the work is.

A folder in which work goes on is locked by its process. The kernel lets go of the lock when that
dies, however it does, so that what it left is known for nobody's at once.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rindle_django.conf import config

PREFIX = "rindle-work-"
LOCK = ".in-use"
# Seconds between two looks for what dead processes left, by those who make folders.
LOOK_EVERY = 60.0

_looked: dict[Path, float] = {}
_looking = threading.Lock()


def root() -> Path:
    return Path(config().TEMP_DIR or tempfile.gettempdir())


def make(kind: str = "") -> Path:
    """A new, private, empty folder, for its maker to remove."""
    return Path(tempfile.mkdtemp(prefix=PREFIX + kind, dir=root()))


@contextmanager
def workspace() -> Iterator[Path]:
    """A new, private folder. Names are never reused: a decoder's cache must not find an earlier
    file under one (S6)."""
    _sweep_from_time_to_time()
    folder = make()
    held = _hold(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def folders() -> list[Path]:
    """The working copies that there are, whether somebody still works in them or not."""
    return [folder for folder in root().glob(f"{PREFIX}*") if folder.is_dir()]


def abandoned(older_than: float) -> Iterator[Path]:
    """Folders that killed work left behind: those whose process is dead, and of those that nobody
    ever locked, or another machine did, what was not touched for ``older_than`` seconds."""
    for folder in folders():
        with suppress(FileNotFoundError):  # its owner has just removed it
            if _is_left(folder, older_than):
                yield folder


def sweep(older_than: float) -> int:
    """Remove abandoned folders; returns how many."""
    swept = 0
    for folder in abandoned(older_than):
        shutil.rmtree(folder, ignore_errors=True)
        swept += 1
    return swept


# --- locks -------------------------------------------------------------------------------------


def _hold(folder: Path) -> int | None:
    """Lock ``folder`` for as long as this process lives, or the answer is open; None where the file
    system has no locks, or no room."""
    fresh, lock = folder / f"{LOCK}.new", None
    try:
        lock = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(lock, _machine())
        # Only now can it be found: nobody ever sees it unlocked while its maker lives.
        fresh.rename(folder / LOCK)
    except OSError:
        fresh.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)
        return None
    return lock


def _is_left(folder: Path, older_than: float) -> bool:
    dead = _is_dead(folder)
    return time.time() - folder.stat().st_mtime > older_than if dead is None else dead


def _is_dead(folder: Path) -> bool | None:
    """Whether the process that locked ``folder`` is dead; None if that cannot be known."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True if os.read(lock, 256) == _machine() else None
    except BlockingIOError:
        return False
    except OSError:
        return None
    finally:
        os.close(lock)


def _machine() -> bytes:
    """Where a lock means something: a folder that machines share may not share its locks."""
    return socket.gethostname().encode()[:256]


def _sweep_from_time_to_time() -> None:
    """Who needs room first makes some: the reconciler may be running on another machine."""
    here, now = root(), time.monotonic()
    with _looking:
        if now - _looked.get(here, -LOOK_EVERY) < LOOK_EVERY:
            return
        _looked[here] = now
    sweep(older_than=float("inf"))
