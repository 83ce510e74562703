"""Listing a bucket: objects, and what a plain listing does not show, in one order.

What a server answers is only believed if it is a whole listing: an empty answer would say that
everything is gone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from rindle_django.errors import RequestRefused, TransientFailure
from rindle_django.storage import deadlines
from rindle_django.storage.listing import Kind, Listed, byte_order, prefixes
from rindle_django.storage.s3.bucket import Bucket
from rindle_django.storage.s3.deletion import keeps_versions
from rindle_django.storage.s3.errors import UNSUPPORTED, code_of, translated, unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import (
        DeleteMarkerEntryTypeDef,
        MultipartUploadTypeDef,
        ObjectTypeDef,
        ObjectVersionTypeDef,
    )

T = TypeVar("T")
OPERATION = "list_objects"
Page = Mapping[str, Any]
# Which part of a page is given back to get the next one.
BY_TOKEN = {"ContinuationToken": "NextContinuationToken"}
BY_VERSION = {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"}
BY_UPLOAD = {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"}


def list_objects(bucket: Bucket, after: str, page_size: int) -> Iterator[Listed]:
    """All of ours in the bucket beyond ``after``, one page of each listing in memory."""
    listing = Listing(bucket, after, page_size)
    versioned = listing.asked(keeps_versions, bucket)
    for prefix in prefixes(after):
        objects = listing.versions(prefix) if versioned else listing.objects(prefix)
        yield from heapq.merge(objects, listing.uploads(prefix), key=lambda found: found.order)


class Listing:
    """The listings of one bucket beyond one key."""

    def __init__(self, bucket: Bucket, after: str, page_size: int) -> None:
        self.bucket = bucket
        self.after = byte_order(after)
        self.page_size = page_size
        location = bucket.storage.location.strip("/")
        self._above = f"{location}/" if location else ""
        self._begin = f"{self._above}{after}" if after else ""

    def objects(self, prefix: str) -> Iterator[Listed]:
        start = {"StartAfter": self._begin} if self._begin else {}
        call = self.bucket.client.list_objects_v2
        for page in self._pages(call, prefix, "MaxKeys", start, BY_TOKEN):
            found: Sequence[ObjectTypeDef] = page.get("Contents", [])
            yield from self._ours(
                (each["Key"], each["Size"], each["LastModified"], "object", "") for each in found
            )

    def versions(self, prefix: str) -> Iterator[Listed]:
        start = {"KeyMarker": self._begin} if self._begin else {}
        call = self.bucket.client.list_object_versions
        for page in self._pages(call, prefix, "MaxKeys", start, BY_VERSION):
            yield from heapq.merge(
                self._ours(map(_version, page.get("Versions", []))),
                self._ours(map(_marker, page.get("DeleteMarkers", []))),
                key=lambda found: found.order,
            )

    def uploads(self, prefix: str) -> Iterator[Listed]:
        """Some servers know no such uploads, and so have none."""
        start = {"KeyMarker": self._begin} if self._begin else {}
        call = self.bucket.client.list_multipart_uploads
        try:
            for page in self._pages(call, prefix, "MaxUploads", start, BY_UPLOAD):
                found: Sequence[MultipartUploadTypeDef] = page.get("Uploads", [])
                yield from sorted(self._ours(map(_upload, found)), key=lambda each: each.order)
        except TransientFailure as failure:
            if not _means_unsupported(failure):
                raise

    def _ours(self, found: Iterator[tuple[str, int, datetime, Kind, str]]) -> Iterator[Listed]:
        for name, size, modified_at, kind, mark in found:
            key = name.removeprefix(self._above)
            if byte_order(key) > self.after:
                yield Listed(key, size, modified_at, kind, mark)

    def _pages(
        self,
        call: Callable[..., Any],
        prefix: str,
        limit: str,
        start: Mapping[str, str],
        follows: Mapping[str, str],
    ) -> Iterator[Page]:
        position = dict(start)
        while True:
            page = self._page(
                call, Prefix=self._above + prefix, **{limit: self.page_size}, **position
            )
            yield page
            if not page["IsTruncated"]:
                return
            following = {ours: page[theirs] for ours, theirs in follows.items() if page.get(theirs)}
            if not following or following == position:
                raise self._unavailable("a page that does not say how to go on")
            position = following

    def _page(self, call: Callable[..., Any], **asked: Any) -> Page:
        page: Page = self.asked(call, Bucket=self.bucket.name, **asked)
        if "IsTruncated" not in page:
            raise self._unavailable("no listing in the answer")
        return page

    def asked(self, call: Callable[..., T], *args: Any, **options: Any) -> T:
        try:
            with (
                deadlines.within(self.bucket.alias, OPERATION),
                translated(self.bucket.alias, OPERATION),
            ):
                return call(*args, **options)
        except RequestRefused as refusal:  # no bucket answers of itself that it is not there
            raise self._unavailable(refusal.code) from refusal

    def _unavailable(self, detail: str) -> TransientFailure:
        return unavailable(self.bucket.alias, OPERATION, detail)


def _means_unsupported(failure: TransientFailure) -> bool:
    cause = failure.__cause__
    return isinstance(cause, ClientError) and code_of(cause) in UNSUPPORTED


def _version(found: ObjectVersionTypeDef) -> tuple[str, int, datetime, Kind, str]:
    kind: Kind = "object" if found["IsLatest"] else "version"
    return found["Key"], found["Size"], found["LastModified"], kind, found["VersionId"]


def _marker(found: DeleteMarkerEntryTypeDef) -> tuple[str, int, datetime, Kind, str]:
    return found["Key"], 0, found["LastModified"], "marker", found["VersionId"]


def _upload(found: MultipartUploadTypeDef) -> tuple[str, int, datetime, Kind, str]:
    return found["Key"], 0, found["Initiated"], "upload", found["UploadId"]
