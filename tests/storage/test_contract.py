"""The contract of storages, kept by each kind of them."""

from __future__ import annotations

import os

import pytest

from tests.storage.contract import FlowContract, RefusalContract


class TestFileSystem(RefusalContract):
    stores_headers = False
    confirmation = "unlinked"

    @pytest.fixture
    def adapter(self, files):
        return files


class TestFileSystemWithoutHardLinks(TestFileSystem):
    """As exFAT and many a network mount are."""

    linkless = True

    def test_there_really_are_none(self, adapter, tmp_path):
        (tmp_path / "one").touch()
        with pytest.raises(PermissionError):
            os.link(tmp_path / "one", tmp_path / "two", follow_symlinks=False)


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
