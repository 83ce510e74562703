"""Presigned URLs, made without asking anybody.

botocore signs for the second in which it is asked, so that no two URLs are alike, and resolves
the endpoint anew each time; here the time is given and the address is known.

A page has hundreds of links that are signed for the same moment. What these have in common is
worked out once, by ``_Seal``, to the letter as botocore does; requests with headers are botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from rindle_django.storage.base import SignedURL
from rindle_django.storage.s3.bucket import Bucket

MAX_LIFE = 7 * 86_400
"""Seconds that an S3 signature may live at most."""
SEALS = 64
"""How many moments and lives are remembered; those of a page are one or a few."""


class _AuthAt(S3SigV4QueryAuth):
    """botocore's own signer, with the time of signing given."""

    def __init__(
        self, credentials: ReadOnlyCredentials, region: str, *, signed_at: float, expires: int
    ) -> None:
        super().__init__(credentials, "s3", region, expires)
        self._signed_at = datetime.fromtimestamp(signed_at, tz=UTC)

    def add_auth(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._signed_at.strftime(SIGV4_TIMESTAMP)
        self._modify_request_before_signing(request)  # type: ignore[attr-defined]
        to_sign = self.string_to_sign(request, self.canonical_request(request))
        signature = self.signature(to_sign, request)
        self._inject_signature_to_request(request, signature)  # type: ignore[attr-defined]


class _Place(NamedTuple):
    """Where the bucket is for clients: the URL before its objects' names, and that in parts."""

    base: str
    path: str
    host: str
    region: str


class _Seal:
    """Signature V4 in the query, for one signer, place, moment and life; of no headers but the
    host. See AWS's "Authenticating Requests: Using Query Parameters".
    """

    def __init__(
        self, place: _Place, credentials: ReadOnlyCredentials, signed_at: float, expires: int
    ) -> None:
        stamp = datetime.fromtimestamp(signed_at, tz=UTC).strftime(SIGV4_TIMESTAMP)
        day = stamp[:8]
        scope = f"{day}/{place.region}/s3/aws4_request"
        own = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{credentials.access_key}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(expires),
            "X-Amz-SignedHeaders": "host",
        }
        if credentials.token is not None:
            own["X-Amz-Security-Token"] = credentials.token
        self._own = [_pair(name, value) for name, value in own.items()]
        self._query = "&".join(self._own)
        self._after = f"\nhost:{place.host}\n\nhost\nUNSIGNED-PAYLOAD"
        self._to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n"
        key = f"AWS4{credentials.secret_key}".encode()
        for part in (day, place.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._key = key

    def query(self, method: str, path: str, params: Iterable[tuple[str, str]]) -> str:
        """The whole query of a URL with this ``path``, which is quoted already."""
        asked = [_pair(name, value) for name, value in params]
        # Names are sorted as bytes, and none is the beginning of another: so are the pairs.
        sorted_query = "&".join(sorted(self._own + asked))
        request = f"{method}\n{path}\n{sorted_query}{self._after}"
        digest = hashlib.sha256(request.encode()).hexdigest()
        signature = hmac.digest(self._key, f"{self._to_sign}{digest}".encode(), "sha256").hex()
        return "&".join([*asked, self._query, f"X-Amz-Signature={signature}"])


def _pair(name: str, value: str) -> str:
    return f"{name}={_quoted(value)}"


@lru_cache(maxsize=1024)
def _quoted(value: str) -> str:
    return quote(value, safe="-._~")


class Signer:
    """Signs for the address by which clients reach the bucket."""

    def __init__(self, bucket: Bucket, endpoint: str | None) -> None:
        self._bucket = bucket
        self._endpoint = endpoint
        # By the credentials, too: a role's are new ones every few hours.
        self._seal = lru_cache(maxsize=SEALS)(_Seal)

    def sign(
        self,
        method: str,
        name: str,
        *,
        signed_at: float,
        expires: int,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> SignedURL:
        """A URL valid for ``expires`` seconds from ``signed_at``; all ``headers`` are signed."""
        place, credentials = self._place, self._bucket.credentials()
        if not headers:
            seal = self._seal(place, credentials, signed_at, expires)
            quoted = quote(name, safe="/~")
            query = seal.query(method, place.path + quoted, (params or {}).items())
            return SignedURL(f"{place.base}{quoted}?{query}")
        request = AWSRequest(
            method=method, url=self.plain_url(name), headers=headers, params=dict(params or {})
        )
        signer = _AuthAt(credentials, place.region, signed_at=signed_at, expires=expires)
        signer.add_auth(request)
        return SignedURL(request.url)

    def plain_url(self, name: str) -> str:
        return self._place.base + quote(name, safe="/~")

    @cached_property
    def _place(self) -> _Place:
        """As botocore works it out.

        It depends on endpoint, region, addressing style and partition; a URL of botocore's own
        shows the result.
        """
        credentials = self._bucket.credentials()
        sample = urlsplit(
            self._bucket.client_at(self._endpoint).generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket.name, "Key": "k"}
            )
        )
        region = parse_qs(sample.query)["X-Amz-Credential"][0].split("/")[2]
        path = sample.path.removesuffix("k")
        base = f"{sample.scheme}://{sample.netloc}{path}"
        signer = S3SigV4QueryAuth(credentials, "s3", region)
        host = signer.headers_to_sign(AWSRequest(method="GET", url=base))["host"]
        return _Place(base, path, host, region)
