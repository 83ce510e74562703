"""The contract of storages, kept by each kind of them."""

from __future__ import annotations

import pytest

from rindle_django.storage import Adapter
from tests.storage.contract import FlowContract, RefusalContract


class TestFileSystem(RefusalContract):
    stores_headers = False

    @pytest.fixture
    def adapter(self, files) -> Adapter:
        return files


class TestMoto(FlowContract):
    @pytest.fixture
    def adapter(self, s3_store, s3_server, bucket) -> Adapter:
        return s3_store(s3_server, bucket(s3_server))


class TestMotoBelowALocation(FlowContract):
    @pytest.fixture
    def adapter(self, s3_store, s3_server, bucket) -> Adapter:
        return s3_store(s3_server, bucket(s3_server), location="some/Where")


@pytest.mark.rgw
class TestCeph(RefusalContract):
    @pytest.fixture
    def adapter(self, rgw) -> Adapter:
        return rgw
