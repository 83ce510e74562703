"""Working copies: a fresh folder for each piece of work, gone when the work is."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rindle_django.conf import config

PREFIX = "rindle-work-"


def root() -> Path:
    return Path(config().TEMP_DIR or tempfile.gettempdir())


def make(kind: str = "") -> Path:
    """A new, private, empty folder, for its maker to remove."""
    return Path(tempfile.mkdtemp(prefix=PREFIX + kind, dir=root()))


@contextmanager
def workspace() -> Iterator[Path]:
    """A new, private, empty folder. Names are never reused: a decoder's cache must not find an
    earlier file under one (S6)."""
    folder = make()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def folders() -> list[Path]:
    """The working copies that there are, whether somebody still works in them or not."""
    return [folder for folder in root().glob(f"{PREFIX}*") if folder.is_dir()]


def abandoned(older_than: float) -> Iterator[Path]:
    """Folders that killed work left behind and nobody touched for ``older_than`` seconds."""
    for folder in folders():
        with suppress(FileNotFoundError):  # its owner has just removed it
            if time.time() - folder.stat().st_mtime > older_than:
                yield folder


def sweep(older_than: float) -> int:
    """Remove abandoned folders; returns how many."""
    swept = 0
    for folder in abandoned(older_than):
        shutil.rmtree(folder, ignore_errors=True)
        swept += 1
    return swept
