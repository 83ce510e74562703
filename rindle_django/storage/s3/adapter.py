"""The adapter for S3: each call put into terms of the bucket, each answer into ours."""

from __future__ import annotations

import base64
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, cast
from uuid import uuid4

from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from django.core.files.storage import Storage
from urllib3 import HTTPResponse

from rindle_django.actors import NOBODY
from rindle_django.conf import config
from rindle_django.errors import ContentRefused, Misconfigured, RequestRefused
from rindle_django.storage import deadlines
from rindle_django.storage.base import (
    CHUNK,
    Adapter,
    Capabilities,
    Deletion,
    ObjectStat,
    Remark,
    SignedRequest,
    SignedURL,
)
from rindle_django.storage.listing import Listed
from rindle_django.storage.received import checked, kept
from rindle_django.storage.s3 import deletion, listing, setup, transfer
from rindle_django.storage.s3.bucket import Bucket
from rindle_django.storage.s3.cors import ENCRYPTION_HEADERS, UPLOAD_HEADERS
from rindle_django.storage.s3.errors import code_of, translated, unavailable
from rindle_django.storage.s3.probe import probe, sweep
from rindle_django.storage.s3.signing import MAX_LIFE, Signer
from rindle_django.storage.window import window_for

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef
    from storages.backends.s3 import S3Storage

SPOOLED_IN_MEMORY = 8 << 20


class S3Adapter(Adapter):
    """``public_endpoint``: origin by which clients reach the bucket, where it is not the
    storage's own ``endpoint_url``."""

    name = "s3"
    sizes = transfer.Sizes()
    page_size = 1000  # of a listing; S3 gives no more

    def __init__(
        self, alias: str, storage: S3Storage, *, public_endpoint: str | None = None
    ) -> None:
        super().__init__(alias)
        self.bucket = Bucket(alias, storage)
        self._signer = Signer(self.bucket, public_endpoint or storage.endpoint_url)

    @classmethod
    def for_storage(cls, alias: str, storage: Storage) -> Self:
        return cls(alias, storage, public_endpoint=config().S3_PUBLIC_ENDPOINT)

    @property
    def capabilities(self) -> Capabilities:
        """What S3 itself promises; ``probe_capabilities`` finds out what this server does."""
        return Capabilities(
            signed_put=True,
            create_only_put=True,
            binds_length=True,
            binds_type=True,
            binds_checksum=True,
            signed_get=True,
            public_url=True,
            batch_delete=True,
        )

    def probe_capabilities(self) -> Capabilities:
        with self._translated("probe_capabilities"):
            return probe(self, versioned=deletion.keeps_versions(self.bucket))

    def examine(self, about: str, origins: Sequence[str] = ()) -> list[Remark]:
        headers = [*UPLOAD_HEADERS, *self._encryption_headers(self.bucket.object_name("k"))]
        with self._translated("examine"):
            return setup.examine(self.bucket, about, origins, headers)

    def clock(self) -> float | None:
        """By the time that it puts on its answers, to the second."""
        with self._translated("clock"):
            answer = self.bucket.client.head_bucket(Bucket=self.bucket.name)
        told = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        return parsedate_to_datetime(told).timestamp() if told else None

    def sweep_temp(self, older_than_seconds: float, *, dry_run: bool = False) -> int:
        """What probes left behind that were killed; of unfinished uploads the listing tells."""
        with self._translated("sweep_temp"):
            return sweep(self, older_than_seconds, dry_run=dry_run)

    # --- reading -------------------------------------------------------------------------------

    def stat(self, key: str) -> ObjectStat | None:
        name = self.bucket.object_name(key)
        try:
            with self._translated("stat"):
                found = self.bucket.client.head_object(Bucket=self.bucket.name, Key=name)
        except RequestRefused:
            self._require_bucket()
            return None
        return ObjectStat(
            found["ContentLength"], found.get("ContentType"), found["ETag"].strip('"')
        )

    def read_range(self, key: str, start: int, length: int) -> bytes:
        if length <= 0:
            return b""
        with self._translated("read_range"):
            try:
                answer = self._get(key, Range=f"bytes={start}-{start + length - 1}")
            except ClientError as error:
                if code_of(error) in {"InvalidRange", "416"}:  # it begins behind the end
                    return b""
                raise
            expected = min(length, answer["ContentLength"])
            deadlines.begin(size=expected)
            with closing(answer["Body"]):
                found = b"".join(_pieces(answer["Body"]))
        # What ends early must not be taken for a short object: its type is told from this.
        self._require_length("read_range", len(found), expected)
        return found

    def download(
        self,
        key: str,
        path: Path,
        on_chunk: Callable[[bytes], object] | None = None,
        limit: int | None = None,
    ) -> int:
        with self._translated("download"):
            answer = self._get(key)
        size = answer["ContentLength"]
        deadlines.begin(size=size)
        with closing(answer["Body"]) as body:
            if limit is not None and size > limit:
                raise ContentRefused("bytes_exceeded", size=size, limit=limit)
            with kept(path) as target:
                for chunk in self._chunks(body, "download"):
                    target.write(chunk)
                    if on_chunk is not None:
                        on_chunk(chunk)
                self._require_length("download", target.tell(), size)
        return size

    def _get(self, key: str, **options: Any) -> GetObjectOutputTypeDef:
        name = self.bucket.object_name(key)
        return self.bucket.client.get_object(Bucket=self.bucket.name, Key=name, **options)

    def _chunks(self, body: StreamingBody, operation: str) -> Iterator[bytes]:
        pieces = _pieces(body)
        while True:
            with self._translated(operation):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    def list_objects(self, after: str = "") -> Iterator[Listed]:
        yield from listing.list_objects(self.bucket, after, self.page_size)

    # --- writing -------------------------------------------------------------------------------

    def put_file(
        self, key: str, path: Path, *, content_type: str, cache_control: str = ""
    ) -> ObjectStat:
        with path.open("rb") as stream:
            return self._put(key, stream, "put_file", content_type, cache_control)

    def put_stream(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        length: int | None,
        content_type: str,
        limit: int,
        sha256: str | None = None,
    ) -> ObjectStat:
        """Nothing is sent before the last chunk has come and all is as declared."""
        self.bucket.object_name(key)
        with tempfile.SpooledTemporaryFile(SPOOLED_IN_MEMORY, dir=config().TEMP_DIR) as spooled:
            for chunk in checked(chunks, length=length, limit=limit, sha256=sha256):
                spooled.write(chunk)
            return self._put(key, spooled, "put_stream", content_type, "")

    def _put(
        self, key: str, stream: IO[bytes], operation: str, content_type: str, cache_control: str
    ) -> ObjectStat:
        size = stream.seek(0, os.SEEK_END)
        deadlines.begin(size=size)
        with translated(self.alias, operation, create_only=True):
            transfer.put(
                self.bucket,
                self.bucket.object_name(key),
                stream,
                size,
                self.sizes,
                content_type=content_type,
                cache_control=cache_control,
                mark=uuid4().hex,
            )
        return self._confirm(operation, key, size)

    def copy(
        self, source: str, target: str, *, content_type: str, cache_control: str = ""
    ) -> ObjectStat:
        found = self.stat(source)
        if found is None:
            raise RequestRefused("object_missing")
        deadlines.begin(size=found.size)
        with self._translated("copy"):
            transfer.copy(
                self.bucket,
                self.bucket.object_name(source),
                found,
                self.bucket.object_name(target),
                self.sizes,
                content_type=content_type,
                cache_control=cache_control,
            )
        return self._confirm("copy", target, found.size)

    def _confirm(self, operation: str, key: str, size: int) -> ObjectStat:
        stored = self.stat(key)
        if stored is None:
            raise unavailable(self.alias, operation, "the object is not there")
        self._require_length(operation, stored.size, size)
        return stored

    def delete(self, keys: Sequence[str]) -> Deletion:
        return deletion.delete(self.bucket, keys)

    # --- URLs ----------------------------------------------------------------------------------

    def sign_put(
        self, key: str, *, length: int, content_type: str, sha256: str | None, expires_in: int
    ) -> SignedRequest:
        """All that was declared is in the signature, so that only that can be stored (S12).

        Content-Length is signed too, but not among the headers: browsers set it themselves.
        """
        name = self.bucket.object_name(key)
        self._require_life(expires_in)
        headers = {
            "Content-Type": content_type,
            "If-None-Match": "*",
            **self._encryption_headers(name),
        }
        if sha256 is not None:
            headers["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        url = self._signer.sign(
            "PUT",
            name,
            signed_at=time.time(),
            expires=expires_in,
            headers={**headers, "Content-Length": str(length)},
        )
        return SignedRequest("PUT", url, headers, expires_in)

    def sign_get(
        self,
        key: str,
        *,
        content_type: str,
        disposition: str | None,
        ttl: int,
        subject: str = NOBODY,  # noqa: ARG002
    ) -> SignedURL:
        """Signed as of the start of the window, so that it is the same URL throughout.

        A signature by a role's temporary credentials ends with these, whatever it says itself.
        """
        window = window_for(ttl)
        params = {"response-content-type": content_type}
        if disposition is not None:
            params["response-content-disposition"] = disposition
        life = window.length + ttl
        self._require_life(life)
        return self._signer.sign(
            "GET",
            self.bucket.object_name(key),
            signed_at=window.start,
            expires=life,
            params=params,
        )

    def public_url(self, key: str) -> str:
        name, storage = self.bucket.object_name(key), self.bucket.storage
        if storage.custom_domain:
            return f"{storage.url_protocol}//{storage.custom_domain}/{name}"
        return self._signer.plain_url(name)

    # --- answers -------------------------------------------------------------------------------

    def _encryption_headers(self, name: str) -> dict[str, str]:
        own = self.bucket.storage.get_object_parameters(name)
        return {
            header: own[parameter]
            for parameter, header in ENCRYPTION_HEADERS.items()
            if own.get(parameter)
        }

    def _require_life(self, seconds: int) -> None:
        if seconds > MAX_LIFE:
            raise Misconfigured(
                "unsupported_by_storage",
                alias=self.alias,
                operation=f"sign a URL for {seconds} seconds: S3 allows {MAX_LIFE}",
            )

    def _require_bucket(self) -> None:
        """A HEAD says 404 whether it is the object or its bucket that is gone (row 16)."""
        try:
            with self._translated("stat"):
                self.bucket.client.head_bucket(Bucket=self.bucket.name)
        except RequestRefused:
            raise unavailable(self.alias, "stat", "there is no such bucket") from None

    def _require_length(self, operation: str, received: int, expected: int) -> None:
        if received != expected:
            raise unavailable(self.alias, operation, f"{received} of {expected} bytes")

    def _translated(self, operation: str) -> AbstractContextManager[None]:
        return translated(self.alias, operation)


def _pieces(body: StreamingBody) -> Iterator[bytes]:
    """Whatever has arrived, piece by piece: a server that dribbles is not waited for until a
    whole chunk is full (row 13)."""
    stream = cast("HTTPResponse", body.__enter__())  # botocore's one public way to the stream
    while piece := stream.read1(CHUNK):
        deadlines.check()
        yield piece
