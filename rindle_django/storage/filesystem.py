"""The adapter for Django's FileSystemStorage: objects are files of ``folder``, and signed URLs
lead to our own views, by the tokens of ``tokens``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from django.core.files.storage import FileSystemStorage, Storage

from rindle_django.actors import NOBODY
from rindle_django.errors import ContentRefused, Misconfigured, RindleError
from rindle_django.storage import deadlines, tokens
from rindle_django.storage.base import (
    CHUNK,
    Adapter,
    Capabilities,
    Deletion,
    ObjectStat,
    Remark,
    SignedRequest,
    SignedURL,
    checked_key,
)
from rindle_django.storage.folder import Folder
from rindle_django.storage.listing import Listed
from rindle_django.storage.received import checked, kept


class FileSystemAdapter(Adapter):
    """``content_type`` of a stat is always None: a file system stores none."""

    name = "filesystem"
    TOUCHES_STORAGE = Adapter.TOUCHES_STORAGE | {"open"}

    def __init__(self, alias: str, storage: FileSystemStorage) -> None:
        super().__init__(alias)
        self.storage = storage
        self.folder = Folder(alias, storage)

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

    def examine(self, about: str, origins: Sequence[str] = ()) -> list[Remark]:  # noqa: ARG002
        return self.folder.examine("examine") if about == "folder" else []

    def path_of(self, key: str) -> Path:
        """Where the object is; raises Misconfigured("bad_key") for a way out, or through a link."""
        return self.folder.path_of(key)

    # --- reading -------------------------------------------------------------------------------

    def stat(self, key: str) -> ObjectStat | None:
        return self.folder.stat(key, "stat")

    def open(self, key: str) -> BinaryIO:
        """The object as a binary stream. Raises RequestRefused("object_missing")."""
        return self.folder.open(key, "open")

    def read_range(self, key: str, start: int, length: int) -> bytes:
        folder, operation = self.folder, "read_range"
        with folder.open(key, operation) as stream, folder.translated(operation):
            stream.seek(start)
            return stream.read(max(length, 0))

    def download(
        self,
        key: str,
        path: Path,
        on_chunk: Callable[[bytes], object] | None = None,
        limit: int | None = None,
    ) -> int:
        with self.folder.open(key, "download") as stream:
            size = os.fstat(stream.fileno()).st_size
            if limit is not None and size > limit:
                raise ContentRefused("bytes_exceeded", size=size, limit=limit)
            deadlines.begin(size=size)
            with kept(path) as target:
                for chunk in self.folder.chunks(stream, "download"):
                    target.write(chunk)
                    if on_chunk is not None:
                        on_chunk(chunk)
                self.folder.require_length("download", target.tell(), size)
        return size

    def list_objects(self, after: str = "") -> Iterator[Listed]:
        yield from self.folder.listed(after, "list_objects")

    # --- writing: a file has no headers to be stored with it -----------------------------------

    def put_file(
        self,
        key: str,
        path: Path,
        *,
        content_type: str,  # noqa: ARG002
        cache_control: str = "",  # noqa: ARG002
    ) -> ObjectStat:
        with path.open("rb") as stream:
            deadlines.begin(size=os.fstat(stream.fileno()).st_size)
            timed = deadlines.Timed(stream)
            return self.folder.write(key, iter(lambda: timed.read(CHUNK), b""), "put_file")

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
        return self.folder.write(key, declared, "put_stream")

    def copy(
        self,
        source: str,
        target: str,
        *,
        content_type: str,  # noqa: ARG002
        cache_control: str = "",  # noqa: ARG002
    ) -> ObjectStat:
        return self.folder.link(source, target, "copy")

    def delete(self, keys: Sequence[str]) -> Deletion:
        failed: dict[str, str] = {}
        for key in keys:
            try:
                self.folder.remove(key, "delete")
            except RindleError as error:
                failed[key] = error.code
        return Deletion({key: "unlinked" for key in keys if key not in failed}, failed)

    def sweep_temp(self, older_than_seconds: float, *, dry_run: bool = False) -> int:
        return self.folder.sweep(older_than_seconds, "sweep_temp", dry_run=dry_run)

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
        headers = {"Content-Type": content_type}
        return SignedRequest("PUT", tokens.view_url("put", token), headers, expires_in)

    def sign_get(
        self,
        key: str,
        *,
        content_type: str,
        disposition: str | None,
        ttl: int,
        subject: str = NOBODY,
    ) -> SignedURL:
        token = tokens.get_token(
            self.alias,
            checked_key(key),
            content_type=content_type,
            disposition=disposition,
            ttl=ttl,
            subject=subject,
        )
        return tokens.view_url("media", token)

    def public_url(self, key: str) -> str:
        if not self.capabilities.public_url:
            raise Misconfigured(
                "unsupported_by_storage",
                alias=self.alias,
                operation="give public URLs without MEDIA_URL or a base_url",
            )
        return self.storage.url(checked_key(key))
