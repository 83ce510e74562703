"""What a bucket has to allow so that browsers on other origins may upload into it, and play from
it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CORSRuleTypeDef

# Parameters that a bucket policy may demand of every write, and so of a client's.
ENCRYPTION_HEADERS = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}
UPLOAD_HEADERS = ("content-type", "if-none-match", "x-amz-checksum-sha256")
# Players of streams ask for parts of files, and look at what they got.
PLAYER_HEADERS = ("range",)
EXPOSED_HEADERS = ("ETag", "Accept-Ranges", "Content-Length", "Content-Range")


def cors_rule(origins: Sequence[str]) -> CORSRuleTypeDef:
    """The one rule a bucket needs, for ``put_bucket_cors``: signed PUTs from ``origins``, and
    ranges for players."""
    return {
        "AllowedOrigins": list(origins),
        "AllowedMethods": ["PUT", "GET", "HEAD"],
        "AllowedHeaders": [*UPLOAD_HEADERS, *PLAYER_HEADERS, *ENCRYPTION_HEADERS.values()],
        "ExposeHeaders": list(EXPOSED_HEADERS),
        "MaxAgeSeconds": 3600,
    }
