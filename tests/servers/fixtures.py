"""Fixtures of S3 servers, one of each kind for a whole run of tests, and buckets of their own.

A plugin: listed under ``pytest_plugins`` in the topmost conftest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.servers.endpoint import S3Endpoint
from tests.servers.moto import running_moto
from tests.servers.rgw import NotInstalled, running_rgw

BucketFactory = Callable[[S3Endpoint], str]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Endpoint]:
    """moto: for flows. It accepts anything, so no test of a refusal may rest on it."""
    with running_moto() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def rgw_server() -> Iterator[S3Endpoint]:
    """Ceph's gateway: for everything that rests on a refusal. Mark such tests ``rgw``."""
    try:
        with running_rgw() as endpoint:
            yield endpoint
    except NotInstalled as problem:
        pytest.fail(str(problem), pytrace=False)


@pytest.fixture(scope="session")
def bucket() -> BucketFactory:
    """Makes a new, empty bucket on the given server and returns its name."""

    def make(endpoint: S3Endpoint) -> str:
        name = f"rindle-{uuid4().hex[:16]}"
        endpoint.client().create_bucket(Bucket=name)
        return name

    return make
