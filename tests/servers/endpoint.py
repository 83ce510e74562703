"""What a test has to know of an S3 server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"


@dataclass(frozen=True)
class S3Endpoint:
    url: str
    access_key: str
    secret_key: str

    @cache  # noqa: B019 (one for each server; making one takes longer than all it is used for)
    def client(self) -> S3Client:
        """A client beside the library's own, to prepare and to look behind its back."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def storage(self, bucket: str, **options: Any) -> dict[str, Any]:
        """An entry for ``STORAGES``."""
        return {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": bucket,
                "endpoint_url": self.url,
                "access_key": self.access_key,
                "secret_key": self.secret_key,
                "region_name": REGION,
                **options,
            },
        }
