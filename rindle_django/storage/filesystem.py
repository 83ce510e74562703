"""Objects as files below the location of a FileSystemStorage.

Writes are our own: Django's leave a torn file under the final name when they are killed, and the
next try lands under another name. Signed URLs lead to our own views, by the tokens of ``tokens``.
"""

from __future__ import annotations

import errno
import os
import re
import stat as file_modes
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self
from uuid import uuid4

from django.core.files.storage import FileSystemStorage, Storage
from django.urls import NoReverseMatch, reverse

from rindle_django.errors import (
    ContentRefused,
    Misconfigured,
    RequestRefused,
    RindleError,
    TransientFailure,
)
from rindle_django.storage import tokens
from rindle_django.storage.base import (
    CHUNK,
    Adapter,
    Capabilities,
    Deletion,
    ObjectStat,
    SignedRequest,
    SignedURL,
    checked_key,
)
from rindle_django.storage.received import checked

TEMP_FOLDER = ".rindle-tmp"
TEMP_NAME = re.compile(r"rindle-[0-9a-f]{32}\.part")

# Errors of link() which say that this pair of names cannot share a file, not that something broke.
CANNOT_LINK = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP, errno.ENOSYS})
NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class FileSystemAdapter(Adapter):
    """``content_type`` of a stat is always None: a file system stores none."""

    name = "filesystem"

    def __init__(self, alias: str, storage: FileSystemStorage) -> None:
        super().__init__(alias)
        self.storage = storage

    @classmethod
    def for_storage(cls, alias: str, storage: Storage) -> Self:
        assert isinstance(storage, FileSystemStorage)
        return cls(alias, storage)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            signed_put=True,
            create_only_put=True,
            binds_length=True,
            binds_type=True,
            binds_checksum=True,
            signed_get=True,
            # Without MEDIA_URL Django answers with paths at the root of the site.
            public_url=bool((self.storage.base_url or "").strip("/")),
            batch_delete=False,
            # Our own view takes the PUT, and asks whether the upload is still open.
            revocable_put=True,
        )

    # --- reading -------------------------------------------------------------------------------

    def stat(self, key: str) -> ObjectStat | None:
        with self._translated("stat"):
            try:
                found = self.path_of(key).lstat()
            except NOT_THERE:
                self._require_root("stat")
                return None
            return _describe(found) if file_modes.S_ISREG(found.st_mode) else None

    def open(self, key: str) -> BinaryIO:
        """The object as a binary stream. Raises RequestRefused("object_missing")."""
        with self._translated("open"):
            # No symbolic link put there since the check of the path; no waiting for a pipe.
            descriptor = os.open(self.path_of(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            if not file_modes.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise RequestRefused("object_missing")
            return os.fdopen(descriptor, "rb")

    def read_range(self, key: str, start: int, length: int) -> bytes:
        with self.open(key) as stream, self._translated("read_range"):
            stream.seek(start)
            return stream.read(max(length, 0))

    def download(
        self,
        key: str,
        path: Path,
        on_chunk: Callable[[bytes], object] | None = None,
        limit: int | None = None,
    ) -> int:
        with self.open(key) as stream:
            size = os.fstat(stream.fileno()).st_size
            if limit is not None and size > limit:
                raise ContentRefused("bytes_exceeded", size=size, limit=limit)
            try:
                received = _drain(self._chunks(stream, "download"), path, on_chunk)
                self._require_length("download", received, size)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        return received

    # --- writing -------------------------------------------------------------------------------

    def put_file(
        self,
        key: str,
        path: Path,
        *,
        content_type: str,  # noqa: ARG002
        cache_control: str = "",  # noqa: ARG002
    ) -> ObjectStat:
        with path.open("rb") as stream:
            return self._write(key, iter(lambda: stream.read(CHUNK), b""), "put_file")

    def put_stream(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        length: int | None,
        content_type: str,  # noqa: ARG002
        limit: int,
        sha256: str | None = None,
    ) -> ObjectStat:
        declared = checked(chunks, length=length, limit=limit, sha256=sha256)
        return self._write(key, declared, "put_stream")

    def copy(
        self,
        source: str,
        target: str,
        *,
        content_type: str,  # noqa: ARG002
        cache_control: str = "",  # noqa: ARG002
    ) -> ObjectStat:
        """A second name for the same file where that is possible.

        No file is ever written in place, so what happens to the first name does not touch the
        second.
        """
        path = self.path_of(target)
        with self._translated("copy"), self.open(source) as stream:
            self._make_folder(path.parent)
            try:
                os.link(self.path_of(source), path, follow_symlinks=False)
            except OSError as error:
                if error.errno not in CANNOT_LINK:
                    raise
                return self._write(target, self._chunks(stream, "copy"), "copy")
            _sync_folder(path.parent)
            return _describe(path.lstat())

    def _write(self, key: str, chunks: Iterable[bytes], operation: str) -> ObjectStat:
        """Make the file whole and durable under a name that nobody reads, then give it its own.

        link() refuses a name that is taken: one of many writers wins, and its file stays (S4).
        """
        path = self.path_of(key)
        with self._translated(operation):
            self._make_folder(path.parent)
            self._make_folder(self._root / TEMP_FOLDER)
        temporary = self._root / TEMP_FOLDER / f"rindle-{uuid4().hex}.part"
        try:
            written = self._fill(temporary, chunks, operation)
            with self._translated(operation):
                os.link(temporary, path, follow_symlinks=False)
                _sync_folder(path.parent)
                stored = _describe(path.lstat())
        finally:
            temporary.unlink(missing_ok=True)
        self._require_length(operation, stored.size, written)
        return stored

    def _fill(self, temporary: Path, chunks: Iterable[bytes], operation: str) -> int:
        """Errors of ``chunks`` pass as they are: they are the sender's, not the storage's."""
        written = 0
        with self._translated(operation):
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "wb") as stream:
            for chunk in chunks:
                with self._translated(operation):
                    written += stream.write(chunk)
            with self._translated(operation):
                stream.flush()
                if self.storage.file_permissions_mode is not None:
                    os.fchmod(descriptor, self.storage.file_permissions_mode)
                os.fsync(descriptor)
        return written

    def delete(self, keys: Sequence[str]) -> Deletion:
        confirmed: set[str] = set()
        failed: dict[str, str] = {}
        for key in keys:
            try:
                self._delete(key)
                confirmed.add(key)
            except RindleError as error:
                failed[key] = error.code
        return Deletion(frozenset(confirmed), failed)

    def _delete(self, key: str) -> None:
        if self.stat(key) is None:
            return
        with self._translated("delete"):
            path = self.path_of(key)
            path.unlink(missing_ok=True)
            _sync_folder(path.parent)
        if self.stat(key) is not None:
            raise self._unavailable("delete", "the file is still there")

    def sweep_temp(self, older_than_seconds: float) -> int:
        swept, oldest = 0, time.time() - older_than_seconds
        folder = self._root / TEMP_FOLDER
        with self._translated("sweep_temp"):
            for left in folder.iterdir() if folder.is_dir() else ():
                if TEMP_NAME.fullmatch(left.name) and left.lstat().st_mtime < oldest:
                    left.unlink(missing_ok=True)
                    swept += 1
        return swept

    # --- URLs ----------------------------------------------------------------------------------

    def sign_put(
        self, key: str, *, length: int, content_type: str, sha256: str | None, expires_in: int
    ) -> SignedRequest:
        token = tokens.put_token(
            self.alias,
            checked_key(key),
            length=length,
            content_type=content_type,
            sha256=sha256,
            expires_in=expires_in,
        )
        return SignedRequest(
            "PUT", _view_url("put", token), {"Content-Type": content_type}, expires_in
        )

    def sign_get(
        self, key: str, *, content_type: str, disposition: str | None, ttl: int
    ) -> SignedURL:
        token = tokens.get_token(
            self.alias,
            checked_key(key),
            content_type=content_type,
            disposition=disposition,
            ttl=ttl,
        )
        return _view_url("media", token)

    def public_url(self, key: str) -> str:
        if not self.capabilities.public_url:
            raise Misconfigured(
                "unsupported_by_storage",
                alias=self.alias,
                operation="give public URLs without MEDIA_URL or a base_url",
            )
        return self.storage.url(checked_key(key))

    # --- names and errors ----------------------------------------------------------------------

    @property
    def _root(self) -> Path:
        return Path(os.path.realpath(self.storage.location))

    def path_of(self, key: str) -> Path:
        """Where ``key`` is; raises Misconfigured("bad_key") for a way out, or through a link.

        Compared after resolving, not by prefix of a string: "/media-private" begins with "/media"
        too (W4.8).
        """
        path = self._root / checked_key(key)
        if os.path.realpath(path) != str(path):
            raise Misconfigured("bad_key", key=key)
        return path

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if folder != self._root:
            self._make_folder(folder.parent)
        folder.mkdir(parents=folder == self._root, exist_ok=True)
        if self.storage.directory_permissions_mode is not None:
            folder.chmod(self.storage.directory_permissions_mode)
        _sync_folder(folder.parent)

    def _require_root(self, operation: str) -> None:
        """A volume that is not mounted says nothing about the objects on it (row 16)."""
        if not self._root.is_dir():
            raise self._unavailable(operation, "its folder does not exist")

    def _require_length(self, operation: str, received: int, expected: int) -> None:
        if received != expected:
            raise self._unavailable(operation, f"{received} of {expected} bytes")

    def _chunks(self, stream: BinaryIO, operation: str) -> Iterator[bytes]:
        while True:
            with self._translated(operation):
                chunk = stream.read(CHUNK)
            if not chunk:
                return
            yield chunk

    @contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
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

    def _unavailable(self, operation: str, detail: str) -> TransientFailure:
        return TransientFailure(
            "storage_unavailable", alias=self.alias, operation=operation, detail=detail
        )


def _describe(found: os.stat_result) -> ObjectStat:
    return ObjectStat(found.st_size, None, f"{found.st_mtime_ns:x}-{found.st_size:x}")


def _sync_folder(folder: Path) -> None:
    """Make a new or removed name survive a loss of power: syncing the file does not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _drain(chunks: Iterable[bytes], path: Path, on_chunk: Callable[[bytes], object] | None) -> int:
    received = 0
    with path.open("wb") as target:
        for chunk in chunks:
            received += target.write(chunk)
            if on_chunk is not None:
                on_chunk(chunk)
    return received


def _view_url(view: str, token: str) -> SignedURL:
    try:
        return SignedURL(reverse(f"rindle:{view}", kwargs={"token": token}))
    except NoReverseMatch as error:
        raise Misconfigured("urls_not_mounted", view=view) from error
