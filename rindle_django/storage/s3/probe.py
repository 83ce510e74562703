"""What an S3 server really refuses, found out by doing what it should refuse.

Servers that call themselves S3 differ exactly here: one ignores checksums, another conditions,
a simulator everything. Each attempt goes to a fresh key, all of which are deleted again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import uuid4

import urllib3

from rindle_django.storage.base import Capabilities, SignedRequest

if TYPE_CHECKING:
    from rindle_django.storage.s3.adapter import S3Adapter

PREFIX = "probes"
BODY = b"rindle probe: right."
OTHER_BODY = b"rindle probe: wrong."
TYPE = "application/x-rindle-probe"
LIFE = 300
SECONDS = urllib3.Timeout(connect=3, read=20)


def probe(adapter: S3Adapter, *, versioned: bool) -> Capabilities:
    """Try each promise once. Raises TransientFailure if the storage does not answer."""
    with urllib3.PoolManager(timeout=SECONDS, retries=False) as http:
        trial = Trial(adapter, http, f"{PREFIX}/{uuid4().hex}", [])
        try:
            return trial.run(versioned=versioned)
        finally:
            adapter.delete(trial.keys)


def sweep(adapter: S3Adapter, older_than_seconds: float) -> int:
    """Delete what killed probes left; returns how many objects that were."""
    bucket = adapter.bucket
    prefix = bucket.object_name(PREFIX) + "/"
    pages = bucket.client.get_paginator("list_objects_v2")
    oldest = time.time() - older_than_seconds
    left = [
        PREFIX + "/" + found["Key"].removeprefix(prefix)
        for page in pages.paginate(Bucket=bucket.name, Prefix=prefix)
        for found in page.get("Contents", [])
        if found["LastModified"].timestamp() < oldest
    ]
    return len(adapter.delete(left).confirmed) if left else 0


@dataclass(frozen=True)
class Trial:
    adapter: S3Adapter
    http: urllib3.PoolManager
    prefix: str
    keys: list[str]

    def run(self, *, versioned: bool) -> Capabilities:
        key, request = self._signed()
        signed_put = self._put(request)
        return replace(
            self.adapter.capabilities,
            signed_put=signed_put,
            create_only_put=signed_put and not self._put(request),
            binds_length=signed_put and not self._stores(BODY + b"!"),
            binds_type=signed_put and not self._stores(BODY, content_type="text/html"),
            binds_checksum=signed_put and not self._stores(OTHER_BODY),
            signed_get=signed_put and self._serves_signed_only(key),
            versioned=versioned,
        )

    def _signed(self) -> tuple[str, SignedRequest]:
        key = f"{self.prefix}/{len(self.keys)}"
        self.keys.append(key)
        return key, self.adapter.sign_put(
            key,
            length=len(BODY),
            content_type=TYPE,
            sha256=sha256(BODY).hexdigest(),
            expires_in=LIFE,
        )

    def _put(
        self, request: SignedRequest, body: bytes = BODY, content_type: str | None = None
    ) -> bool:
        headers = dict(request.headers)
        if content_type is not None:
            headers["Content-Type"] = content_type
        answer = self.http.request(request.method, request.url, body=body, headers=headers)
        return answer.status < 300

    def _stores(self, body: bytes, content_type: str | None = None) -> bool:
        """Whether the server keeps what was signed otherwise; what it answers is not asked."""
        key, request = self._signed()
        self._put(request, body, content_type)
        return self.adapter.stat(key) is not None

    def _serves_signed_only(self, key: str) -> bool:
        url = self.adapter.sign_get(key, content_type=TYPE, disposition=None, ttl=LIFE)
        served = self.http.request("GET", url)
        tampered = self.http.request("GET", url.replace("x-rindle-probe", "x-rindle-other"))
        return served.status == 200 and served.data == BODY and tampered.status >= 400
