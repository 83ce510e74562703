"""Presigned URLs, made without asking anybody.

botocore signs for the second in which it is asked, so that no two URLs are alike, and resolves
the endpoint anew each time; here the time is given and the address is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import parse_qs, quote, urlsplit

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from rindle_django.storage.base import SignedURL
from rindle_django.storage.s3.bucket import Bucket

MAX_LIFE = 7 * 86_400
"""Seconds that an S3 signature may live at most."""


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


class Signer:
    """Signs for the address by which clients reach the bucket."""

    def __init__(self, bucket: Bucket, endpoint: str | None) -> None:
        self._bucket = bucket
        self._endpoint = endpoint

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
        request = AWSRequest(
            method=method, url=self.plain_url(name), headers=headers, params=dict(params or {})
        )
        _, region = self._place
        credentials = self._bucket.credentials()
        _AuthAt(credentials, region, signed_at=signed_at, expires=expires).add_auth(request)
        return SignedURL(request.url)

    def plain_url(self, name: str) -> str:
        base, _ = self._place
        return base + quote(name, safe="/~")

    @cached_property
    def _place(self) -> tuple[str, str]:
        """URL of the bucket and region of its signatures, as botocore works them out.

        Both depend on endpoint, region, addressing style and partition; a URL of botocore's own
        shows the result.
        """
        self._bucket.credentials()
        sample = urlsplit(
            self._bucket.client_at(self._endpoint).generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket.name, "Key": "k"}
            )
        )
        region = parse_qs(sample.query)["X-Amz-Credential"][0].split("/")[2]
        return f"{sample.scheme}://{sample.netloc}{sample.path.removesuffix('k')}", region
