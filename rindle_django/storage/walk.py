"""All files below a folder, in the order of their keys, holding one folder's names at a time."""

from __future__ import annotations

import errno
import os
import stat as file_modes
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from rindle_django.storage.listing import Listed, byte_order, may_follow, prefixes

NOT_THERE = (FileNotFoundError, NotADirectoryError)


class Walk:
    """One pass beyond the key ``after``. Raises OSError; what vanishes on the way is left out,
    unless it is the whole folder: a volume that is taken away says nothing about its files.
    """

    def __init__(self, root: Path, after: str) -> None:
        self.root = root
        self.after = after
        self._reached = byte_order(after)
        self._volume = self._identity()

    def __iter__(self) -> Iterator[Listed]:
        return self._below(str(self.root), "")

    def _below(self, folder: str, prefix: str) -> Iterator[Listed]:
        for key, entry in self._entries(folder, prefix):
            if key.endswith("/"):
                yield from self._below(entry.path, key)
            elif (found := self._described(key, entry)) is not None:
                yield found

    def _entries(self, folder: str, prefix: str) -> list[tuple[str, os.DirEntry[str]]]:
        """A folder sorts by its name with the slash that all keys in it have there."""
        try:
            with os.scandir(folder) as entries:
                named = [(prefix + _name(entry), entry) for entry in entries]
        except NOT_THERE:
            self._require_volume()
            return []
        wanted = [each for each in named if self._wanted(each[0], prefix)]
        return sorted(wanted, key=lambda each: byte_order(each[0]))

    def _wanted(self, key: str, prefix: str) -> bool:
        if not prefix:
            return key in prefixes(self.after)
        if key.endswith("/"):
            return may_follow(key, self.after)
        return byte_order(key) > self._reached

    def _described(self, key: str, entry: os.DirEntry[str]) -> Listed | None:
        try:
            found = entry.stat(follow_symlinks=False)
        except NOT_THERE:
            self._require_volume()
            return None
        if not file_modes.S_ISREG(found.st_mode):
            return None
        # A link made now has the bytes of then: only its change time tells when it came.
        came = max(found.st_mtime, found.st_ctime)
        return Listed(key, found.st_size, datetime.fromtimestamp(came, UTC))

    def _identity(self) -> tuple[int, int]:
        found = self.root.stat()
        return found.st_dev, found.st_ino

    def _require_volume(self) -> None:
        if self._identity() != self._volume:
            raise OSError(errno.ESTALE, "another volume is there now")


def _name(entry: os.DirEntry[str]) -> str:
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
