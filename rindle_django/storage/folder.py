"""Whole files in one folder: durable once they have a name, and never written over.

Django's own FileSystemStorage leaves a torn file under the final name when it is killed, and the
next try lands under another name; of it only location and permissions are used.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat as file_modes
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from django.core.files.storage import FileSystemStorage

from rindle_django.errors import Misconfigured, RequestRefused, TransientFailure
from rindle_django.storage import deadlines
from rindle_django.storage.base import CHUNK, ObjectStat, Remark, checked_key
from rindle_django.storage.listing import Listed
from rindle_django.storage.walk import Walk

TEMP_FOLDER = ".rindle-tmp"
TEMP_NAME = re.compile(r"rindle-[0-9a-f]{32}\.(part|name)")

# Who holds a reservation is about to rename a file: no longer than this is it waited for.
RESERVATION_TRIES, RESERVATION_PAUSE = 100, 0.01

# Errors which say that a file system does not know such a thing, not that something broke.
UNKNOWN_HERE = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})
# Of link(): that this pair of names cannot share a file.
CANNOT_LINK = UNKNOWN_HERE | {errno.EXDEV, errno.EMLINK}
# Of fsync() on a folder: some mounts of other systems' disks have no such operation.
CANNOT_SYNC = UNKNOWN_HERE - {errno.EPERM} | {errno.EINVAL}
NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Folder:
    """The location of a FileSystemStorage. ``operation`` names the storage call in errors."""

    def __init__(self, alias: str, storage: FileSystemStorage) -> None:
        self.alias = alias
        self.storage = storage

    @property
    def root(self) -> Path:
        return Path(os.path.realpath(self.storage.location))

    @property
    def temp(self) -> Path:
        return self.root / TEMP_FOLDER

    def path_of(self, key: str) -> Path:
        """Where ``key`` is; raises Misconfigured("bad_key") for a way out, or through a link.

        Compared after resolving, not by prefix of a string: "/media-private" begins with "/media"
        too (W4.8).
        """
        path = self.root / checked_key(key)
        if os.path.realpath(path) != str(path):
            raise Misconfigured("bad_key", key=key)
        return path

    # --- reading -------------------------------------------------------------------------------

    def stat(self, key: str, operation: str) -> ObjectStat | None:
        with self.translated(operation):
            try:
                found = self.path_of(key).lstat()
            except NOT_THERE:
                self._require_root(operation)
                return None
            return _describe(found) if file_modes.S_ISREG(found.st_mode) else None

    def open(self, key: str, operation: str) -> BinaryIO:
        with self.translated(operation):
            # No symbolic link put there since the check of the path; no waiting for a pipe.
            descriptor = os.open(self.path_of(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            if not file_modes.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise RequestRefused("object_missing")
            return os.fdopen(descriptor, "rb")

    def chunks(self, stream: BinaryIO, operation: str) -> Iterator[bytes]:
        while True:
            deadlines.check()
            with self.translated(operation):
                chunk = stream.read(CHUNK)
            if not chunk:
                return
            yield chunk

    def listed(self, after: str, operation: str) -> Iterator[Listed]:
        self._require_root(operation)
        with self.translated(operation):
            walk = iter(Walk(self.root, after))
        while True:
            try:
                with self.translated(operation):
                    found = next(walk, None)
            except RequestRefused as refusal:  # its folder went meanwhile
                raise self._unavailable(operation, refusal.code) from refusal
            if found is None:
                return
            yield found

    # --- writing -------------------------------------------------------------------------------

    def write(self, key: str, chunks: Iterable[bytes], operation: str) -> ObjectStat:
        """Make the file whole and durable under a name that nobody reads, then give it its own."""
        path = self.path_of(key)
        with self.translated(operation):
            self._make(path.parent)
            self._make(self.temp)
        temporary = self.temp / f"rindle-{uuid4().hex}.part"
        try:
            written = self._fill(temporary, chunks, operation)
            with self.translated(operation):
                self._name(temporary, path, operation)
                stored = self._settle(path)
        finally:
            temporary.unlink(missing_ok=True)
        self.require_length(operation, stored.size, written)
        return stored

    def _name(self, temporary: Path, path: Path, operation: str) -> None:
        """link() refuses a name that is taken: one of many writers wins, its file stays (S4)."""
        try:
            os.link(temporary, path, follow_symlinks=False)
        except OSError as error:
            if error.errno not in CANNOT_LINK:
                raise
            with self._reserved(path, operation):
                if os.path.lexists(path):
                    raise RequestRefused("object_exists") from None
                temporary.replace(path)

    @contextmanager
    def _reserved(self, path: Path, operation: str) -> Iterator[None]:
        """Keep all others from the name: for file systems without hard links.

        Reserved not under the name itself but beside it, so that nobody ever reads an empty file
        there. Who is killed in between leaves a reservation, which is swept like a part.
        """
        digest = hashlib.blake2b(os.fsencode(path), digest_size=16).hexdigest()
        reservation = self.temp / f"rindle-{digest}.name"
        for _ in range(RESERVATION_TRIES):
            try:
                os.close(os.open(reservation, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
                break
            except FileExistsError:
                if os.path.lexists(path):
                    raise
                time.sleep(RESERVATION_PAUSE)
        else:
            raise self._unavailable(operation, "another write of it is under way")
        try:
            yield
        finally:
            reservation.unlink(missing_ok=True)

    def _fill(self, temporary: Path, chunks: Iterable[bytes], operation: str) -> int:
        """Errors of ``chunks`` pass as they are: they are the sender's, not the storage's."""
        written = 0
        with self.translated(operation):
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "wb", buffering=0) as stream:
            for chunk in chunks:
                with self.translated(operation):
                    written += _write_all(stream.fileno(), chunk)
            with self.translated(operation):
                with where_known():
                    if self.storage.file_permissions_mode is not None:
                        os.fchmod(descriptor, self.storage.file_permissions_mode)
                os.fsync(descriptor)
        return written

    def link(self, source: str, target: str, operation: str) -> ObjectStat:
        """Give a file a second name, or where that is not possible, a second file.

        No file is ever written in place, so what happens to the first name does not touch the
        second.
        """
        path = self.path_of(target)
        with self.open(source, operation) as stream, self.translated(operation):
            self._make(path.parent)
            try:
                os.link(self.path_of(source), path, follow_symlinks=False)
            except OSError as error:
                if error.errno not in CANNOT_LINK:
                    raise
                deadlines.begin(size=os.fstat(stream.fileno()).st_size)
                return self.write(target, self.chunks(stream, operation), operation)
            return self._settle(path)

    def remove(self, key: str, operation: str) -> None:
        """Unlink one file and make sure that it is gone. Other names of it stay.

        The folder is made durable also where there is no file: whoever unlinked it may have been
        killed before that, and a loss of power would bring it back.
        """
        path = self.path_of(key)
        with self.translated(operation):
            if self.stat(key, operation) is not None:
                path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_folder(path.parent)
        if self.stat(key, operation) is not None:
            raise self._unavailable(operation, "the file is still there")

    def sweep(self, older_than_seconds: float, operation: str) -> int:
        """Remove unfinished files that nobody has written to for that long."""
        swept, oldest = 0, time.time() - older_than_seconds
        with self.translated(operation):
            for left in self.temp.iterdir() if self.temp.is_dir() else ():
                if TEMP_NAME.fullmatch(left.name) and left.lstat().st_mtime < oldest:
                    left.unlink(missing_ok=True)
                    swept += 1
        return swept

    def examine(self, operation: str) -> list[Remark]:
        """Tried with an empty file among the unfinished ones, which are swept, should we die."""
        if not self.root.is_dir():
            return [Remark("warn", f"{self.root} does not exist yet.", _CREATED)]
        temporary = self.temp / f"rindle-{uuid4().hex}.part"
        name = temporary.with_suffix(".name")
        try:
            with self.translated(operation):
                self._make(self.temp)
                temporary.touch(exist_ok=False)
                return [*self._examine_device(), *_examine_link(temporary, name)]
        finally:
            for each in (temporary, name):
                with suppress(OSError):
                    each.unlink(missing_ok=True)

    def _examine_device(self) -> Iterator[Remark]:
        if self.temp.stat().st_dev != self.root.stat().st_dev:
            yield Remark(
                "error",
                f"{self.temp} is on another device than {self.root}: a file cannot be given its "
                "name once it is whole.",
                f"Unmount {TEMP_FOLDER}, so that it is a folder of the same file system.",
            )

    def _make(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if folder != self.root:
            self._make(folder.parent)
        folder.mkdir(parents=folder == self.root, exist_ok=True)
        with where_known():
            if self.storage.directory_permissions_mode is not None:
                folder.chmod(self.storage.directory_permissions_mode)
        sync_folder(folder.parent)

    def _settle(self, path: Path) -> ObjectStat:
        sync_folder(path.parent)
        return _describe(path.lstat())

    # --- errors --------------------------------------------------------------------------------

    @contextmanager
    def translated(self, operation: str) -> Iterator[None]:
        try:
            yield
        except FileExistsError:
            raise RequestRefused("object_exists") from None
        except NOT_THERE:
            self._require_root(operation)
            raise RequestRefused("object_missing") from None
        except OSError as error:
            detail = errno.errorcode.get(error.errno or 0, type(error).__name__)
            raise self._unavailable(operation, detail) from error

    def require_length(self, operation: str, received: int, expected: int) -> None:
        if received != expected:
            raise self._unavailable(operation, f"{received} of {expected} bytes")

    def _require_root(self, operation: str) -> None:
        """A volume that is not mounted says nothing about the objects on it (row 16)."""
        if not self.root.is_dir():
            raise self._unavailable(operation, "its folder does not exist")

    def _unavailable(self, operation: str, detail: str) -> TransientFailure:
        return TransientFailure(
            "storage_unavailable", alias=self.alias, operation=operation, detail=detail
        )


_CREATED = "It is created by the first upload, if this process may; else create or mount it."


def _examine_link(path: Path, name: Path) -> Iterator[Remark]:
    try:
        os.link(path, name, follow_symlinks=False)
    except OSError as error:
        if error.errno not in CANNOT_LINK:
            raise
        yield Remark(
            "warn",
            f"The file system of {path.parent.parent} knows no hard links: each original is "
            "copied where it would be given a second name.",
            "Nothing is less safe; it takes more time and, for a while, more room.",
        )


@contextmanager
def where_known() -> Iterator[None]:
    """Permissions of a file of our own: a file system without any leaves them to its mount."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNKNOWN_HERE:
            raise


def sync_folder(folder: Path) -> None:
    """Make a new or removed name survive a loss of power: syncing the file does not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, chunk: bytes) -> int:
    """A full disk takes a part of a chunk first, and says so only on the next write."""
    left = memoryview(chunk)
    while left:
        left = left[os.write(descriptor, left) :]
    return len(chunk)


def _describe(found: os.stat_result) -> ObjectStat:
    return ObjectStat(found.st_size, None, f"{found.st_mtime_ns:x}-{found.st_size:x}")
