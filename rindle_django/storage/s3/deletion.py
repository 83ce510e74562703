"""Deleting objects so that nothing of them remains, and knowing it.

Nothing is ever deleted by prefix: what is listed by one is compared with the exact name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from os.path import commonprefix
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError

from rindle_django.errors import RindleError
from rindle_django.storage import deadlines
from rindle_django.storage.base import Deletion
from rindle_django.storage.s3.bucket import Bucket
from rindle_django.storage.s3.errors import DENIED, MEANS_ABSENT, UNSUPPORTED, code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

T = TypeVar("T")
MAX_KEYS = 1000  # of one DeleteObjects


def delete(bucket: Bucket, keys: Sequence[str]) -> Deletion:
    """Delete objects, all their versions and delete markers, and uploads that were cut short."""
    names: dict[str, str] = {}
    confirmed: dict[str, str] = {}
    failed: dict[str, str] = {}
    for key in keys:
        try:
            names[bucket.object_name(key)] = key
        except RindleError as error:
            failed[key] = error.code
    for batch in _batches(list(names), MAX_KEYS):
        deadlines.begin(keys=len(batch))
        outcome = _delete_batch(bucket, batch)
        confirmed |= {names[name]: how for name, how in outcome.confirmed.items()}
        failed |= {names[name]: reason for name, reason in outcome.failed.items()}
    return Deletion(confirmed, failed)


def keeps_versions(bucket: Bucket) -> bool:
    """Whether the bucket is versioned, or was. Where that may not be asked, it shows when a
    deletion leaves a marker."""
    try:
        answer = bucket.client.get_bucket_versioning(Bucket=bucket.name)
    except ClientError as error:
        if code_of(error) in DENIED | UNSUPPORTED:
            return False
        raise
    return "Status" in answer


def _delete_batch(bucket: Bucket, names: Sequence[str]) -> Deletion:
    """The outcome by names in the bucket."""
    try:
        with translated(bucket.alias, "delete"):
            _abort_uploads(bucket, frozenset(names))
            if keeps_versions(bucket):
                failed = _remove(bucket, list(_versions(bucket, names)))
                left = {found["Key"] for found in _versions(bucket, names)}
                how = "versions_clean"
            else:
                failed = _remove(bucket, [{"Key": name} for name in names])
                left = _still_there(bucket, names)
                how = "head_404"
    except RindleError as error:
        return Deletion(failed=dict.fromkeys(names, error.code))
    failed = dict.fromkeys(left, "still_there") | failed
    return Deletion({name: how for name in names if name not in failed}, failed)


def _remove(bucket: Bucket, targets: Sequence[ObjectIdentifierTypeDef]) -> dict[str, str]:
    failed: dict[str, str] = {}
    for batch in _batches(targets, MAX_KEYS):
        answer = bucket.client.delete_objects(Bucket=bucket.name, Delete={"Objects": batch})
        for done in answer.get("Deleted", []):
            if done.get("DeleteMarker") and "VersionId" not in done:
                # It only hid the object: the bucket is versioned after all (row 17).
                failed[done.get("Key", "")] = "still_there"
        for error in answer.get("Errors", []):
            if error.get("Code") not in MEANS_ABSENT | {"NoSuchVersion"}:
                failed[error.get("Key", "")] = "storage_unavailable"
    return failed


def _versions(bucket: Bucket, names: Sequence[str]) -> Iterator[ObjectIdentifierTypeDef]:
    """Every version and delete marker of exactly these names.

    Asked for by the folder, which holds the objects of one asset alone, not one by one.
    """
    pages = bucket.client.get_paginator("list_object_versions")
    wanted = frozenset(names)
    for prefix in sorted({_folder_of(name) for name in names}):
        for page in pages.paginate(Bucket=bucket.name, Prefix=prefix):
            for found in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                if found["Key"] in wanted and _folder_of(found["Key"]) == prefix:
                    yield {"Key": found["Key"], "VersionId": found["VersionId"]}


def _folder_of(name: str) -> str:
    folder, slash, _ = name.rpartition("/")
    return folder + slash if slash else name


def _still_there(bucket: Bucket, names: Sequence[str]) -> set[str]:
    present = {name for name in names if bucket.holds(name)}
    if len(present) < len(names):
        # A HEAD says 404 of an object whether it is the object or the bucket that is gone.
        bucket.client.head_bucket(Bucket=bucket.name)
    return present


def _abort_uploads(bucket: Bucket, names: Collection[str]) -> None:
    """Give back the parts of uploads that were killed: no listing of objects shows them, and
    they are paid for until they are aborted (row 3)."""
    pages = bucket.client.get_paginator("list_multipart_uploads")
    prefix = commonprefix(list(names))  # noqa: RUF071 (of names; they are no paths)
    try:
        for page in pages.paginate(Bucket=bucket.name, Prefix=prefix):
            for found in page.get("Uploads", []):
                if found["Key"] in names:
                    _abort(bucket, found["Key"], found["UploadId"])
    except ClientError as error:
        if code_of(error) not in DENIED | UNSUPPORTED:
            raise


def _abort(bucket: Bucket, name: str, upload_id: str) -> None:
    try:
        bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=name, UploadId=upload_id)
    except ClientError as error:
        if code_of(error) != "NoSuchUpload":
            raise


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
