"""Writing objects: in one request while that is possible, in parts above, once and whole.

Parts of a transfer that failed are given back here; those of one that was killed, by ``deletion``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError

from rindle_django.errors import RequestRefused
from rindle_django.storage.base import ObjectStat
from rindle_django.storage.deadlines import Timed
from rindle_django.storage.s3.bucket import Bucket
from rindle_django.storage.s3.errors import MAY_BE_DONE, UNSUPPORTED, code_of

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

T = TypeVar("T")
MAX_PARTS = 10_000


@dataclass(frozen=True)
class Sizes:
    """From which size on objects travel in parts, and how large these are, in bytes."""

    single_put: int = 64 << 20
    single_copy: int = 5 << 30  # the most that S3 copies in one request
    put_part: int = 16 << 20
    copy_part: int = 512 << 20

    def part(self, preferred: int, size: int) -> int:
        return max(preferred, -(-size // MAX_PARTS))


@dataclass(frozen=True)
class Upload:
    """One multipart upload under way."""

    bucket: Bucket
    name: str
    id: str
    parts: list[CompletedPartTypeDef] = field(default_factory=list)

    @property
    def target(self) -> dict[str, Any]:
        return {"Bucket": self.bucket.name, "Key": self.name, "UploadId": self.id}

    def add(self, etag: str) -> None:
        self.parts.append({"ETag": etag, "PartNumber": len(self.parts) + 1})

    def complete(self, **condition: Any) -> None:
        self.bucket.client.complete_multipart_upload(
            **self.target, MultipartUpload={"Parts": self.parts}, **condition
        )

    def abort(self) -> None:
        self.bucket.client.abort_multipart_upload(**self.target)


def put(bucket: Bucket, name: str, stream: IO[bytes], size: int, sizes: Sizes, **own: str) -> None:
    """Write ``stream`` under a name that is still free. ``own``: content_type, cache_control, and
    the ``mark`` by which the object can be told from anybody else's.

    Where the name is taken, that may be by these very bytes: they had arrived, and the answer was
    lost on its way (row 4).
    """
    try:
        if size > sizes.single_put:
            _put_parts(bucket, name, stream, sizes.part(sizes.put_part, size), **own)
        else:
            _put_whole(bucket, name, stream, **own)
    except ClientError as error:
        if code_of(error) not in MAY_BE_DONE or not bucket.holds_marked(name, own["mark"]):
            raise


def _put_whole(bucket: Bucket, name: str, stream: IO[bytes], **own: str) -> None:
    parameters = bucket.parameters("PutObject", name, **own)

    def write(**condition: Any) -> None:
        stream.seek(0)
        bucket.client.put_object(
            Bucket=bucket.name, Key=name, Body=_timed(stream), **parameters, **condition
        )

    _create(bucket, name, write)


def _timed(stream: IO[bytes]) -> IO[bytes]:
    """Also for parts in memory: while what is no stream is sent, nobody is asked for the time."""
    return cast("IO[bytes]", Timed(stream))


def _put_parts(bucket: Bucket, name: str, stream: IO[bytes], part: int, **own: str) -> None:
    """Asks first: Ceph 16 ignores the condition of a completion, and all of it would be in vain."""
    if bucket.holds(name):
        raise RequestRefused("object_exists")
    with _upload(bucket, name, **own) as upload:
        stream.seek(0)
        for number, chunk in enumerate(iter(lambda: stream.read(part), b""), start=1):
            answer = bucket.client.upload_part(
                **upload.target, PartNumber=number, Body=_timed(BytesIO(chunk))
            )
            upload.add(answer["ETag"])
        _create(bucket, name, upload.complete)


def copy(
    bucket: Bucket, source: str, found: ObjectStat, name: str, sizes: Sizes, **own: str
) -> None:
    """Copy within the bucket. ``own``: content_type, cache_control."""
    origin: CopySourceTypeDef = {"Bucket": bucket.name, "Key": source}
    if found.size > sizes.single_copy:
        _copy_parts(bucket, origin, found, name, sizes.part(sizes.copy_part, found.size), **own)
        return
    bucket.client.copy_object(
        Bucket=bucket.name,
        Key=name,
        CopySource=origin,
        MetadataDirective="REPLACE",  # else the type that the client gave would be kept
        **bucket.parameters("CopyObject", name, **own),
    )


def _copy_parts(
    bucket: Bucket, origin: CopySourceTypeDef, found: ObjectStat, name: str, part: int, **own: str
) -> None:
    with _upload(bucket, name, **own) as upload:
        for number, start in enumerate(range(0, found.size, part), start=1):
            answer = bucket.client.upload_part_copy(
                **upload.target,
                PartNumber=number,
                CopySource=origin,
                CopySourceRange=f"bytes={start}-{min(start + part, found.size) - 1}",
                # Parts of two different objects must not become one (S13).
                CopySourceIfMatch=found.etag or "",
            )
            upload.add(answer["CopyPartResult"]["ETag"])
        upload.complete()


@contextmanager
def _upload(bucket: Bucket, name: str, **own: str) -> Iterator[Upload]:
    answer = bucket.client.create_multipart_upload(
        Bucket=bucket.name, Key=name, **bucket.parameters("CreateMultipartUpload", name, **own)
    )
    upload = Upload(bucket, name, answer["UploadId"])
    try:
        yield upload
    except BaseException:
        # What goes wrong here must not hide why we are here; deletion aborts again.
        with suppress(ClientError, BotoCoreError):
            upload.abort()
        raise


def _create(bucket: Bucket, name: str, write: Callable[..., None]) -> None:
    """Write on condition that the name is free.

    A server that does not know conditions is asked beforehand instead. That leaves a moment
    between question and write, in which nobody comes: each attempt has keys of its own.
    """
    if bucket.conditional_writes:
        try:
            return write(IfNoneMatch="*")
        except ClientError as error:
            if code_of(error) not in UNSUPPORTED:
                raise
            bucket.conditional_writes = False
    if bucket.holds(name):
        raise RequestRefused("object_exists")
    return write()
