"""The contract of storages, kept by each kind of them."""

from __future__ import annotations

import pytest

from tests.storage.contract import FlowContract, RefusalContract


class TestFileSystem(RefusalContract):
    stores_headers = False

    @pytest.fixture
    def adapter(self, files):
        return files


class TestMoto(FlowContract):
    @pytest.fixture
    def adapter(self, s3_store, s3_server, bucket):
        return s3_store(s3_server, bucket(s3_server))


class TestMotoBelowALocation(FlowContract):
    @pytest.fixture
    def adapter(self, s3_store, s3_server, bucket):
        return s3_store(s3_server, bucket(s3_server), location="some/Where")


@pytest.mark.rgw
class TestCeph(RefusalContract):
    @pytest.fixture
    def adapter(self, rgw):
        return rgw
