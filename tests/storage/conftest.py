"""Storages to test with: one alias, ``store``, of whichever kind a test is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from rindle_django.storage import adapter_for
from rindle_django.storage.filesystem import FileSystemAdapter
from rindle_django.storage.s3 import S3Adapter
from tests.servers.endpoint import S3Endpoint
from tests.servers.fixtures import BucketFactory
from tests.storage.linkless import without_links

StoreFactory = Callable[[dict[str, Any]], None]
S3Factory = Callable[..., S3Adapter]


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Tests of a class with ``linkless = True`` live on a file system without hard links."""
    if not getattr(pyfuncitem.cls, "linkless", False):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    without_links(pyfuncitem.obj, **{name: pyfuncitem.funcargs[name] for name in names})
    return True


@pytest.fixture
def store(settings: Settings) -> StoreFactory:
    """Makes ``STORAGES["store"]`` the given entry."""

    def use(entry: dict[str, Any]) -> None:
        settings.STORAGES = {**settings.STORAGES, "store": entry}

    return use


@pytest.fixture
def files(store: StoreFactory, tmp_path: Path) -> FileSystemAdapter:
    """An adapter over an empty folder, ``tmp_path / "media"``."""
    location = tmp_path / "media"
    location.mkdir()
    store(
        {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": location, "base_url": "/files/"},
        }
    )
    adapter = adapter_for("store")
    assert isinstance(adapter, FileSystemAdapter)
    return adapter


@pytest.fixture
def s3_store(store: StoreFactory) -> S3Factory:
    """Makes an adapter for a bucket on a server."""

    def use(endpoint: S3Endpoint, bucket: str, **options: Any) -> S3Adapter:
        store(endpoint.storage(bucket, **options))
        adapter = adapter_for("store")
        assert isinstance(adapter, S3Adapter)
        return adapter

    return use


@pytest.fixture
def rgw(s3_store: S3Factory, rgw_server: S3Endpoint, bucket: BucketFactory) -> S3Adapter:
    """An adapter over a new bucket on Ceph's gateway."""
    return s3_store(rgw_server, bucket(rgw_server))
