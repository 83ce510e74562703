"""Settings of the gallery, whose photos are in a bucket that nobody has to reach."""

from __future__ import annotations

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import INSTALLED_APPS as _INSTALLED_APPS, STORAGES as _STORAGES
from tests.servers.endpoint import S3Endpoint

INSTALLED_APPS = [*_INSTALLED_APPS, "benchmarks.gallery"]
BUCKET = S3Endpoint("https://s3.eu-central-1.amazonaws.com", "AKIAEXAMPLE", "secret")
STORAGES = {
    **_STORAGES,
    "default": BUCKET.storage("gallery", region_name="eu-central-1", addressing_style="virtual"),
}
