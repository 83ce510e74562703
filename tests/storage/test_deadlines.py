"""Deadlines of whole operations: what keeps sending a little cannot keep a worker (row 13)."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest
from django.conf import settings as django_settings
from django.test import override_settings

from rindle_django.errors import TransientFailure
from rindle_django.storage import deadlines
from rindle_django.storage.s3.transfer import Sizes
from tests.servers.faults import Exchange, FaultyServer, cut_short, dribble, error, stall
from tests.storage.contract import BODY, KEY, OTHER, put, read

MIB = 1 << 20
MEGABYTE = bytes(range(256)) * 4096
GENEROUS = 12  # seconds on a busy machine; without a deadline each of these takes minutes


@pytest.fixture
def server(s3_server):
    with FaultyServer(s3_server).running() as faulty:
        yield faulty


@pytest.fixture
def adapter(server, s3_store, s3_server, bucket):
    return s3_store(server.endpoint, bucket(s3_server))


def patience(seconds: float, rate: int = 8 * MIB) -> override_settings:
    mine = {"STORAGE_TIMEOUT": seconds, "STORAGE_MIN_RATE": rate}
    return override_settings(RINDLE={**django_settings.RINDLE, **mine})


@contextmanager
def given_up(seconds: float = 1.0):
    """The block ends with the error of a deadline, and soon."""
    started = time.monotonic()
    with patience(seconds), pytest.raises(TransientFailure, match="not done within") as failure:
        yield
    assert failure.value.code == "storage_unavailable"
    assert time.monotonic() - started < GENEROUS


def gets(exchange: Exchange) -> bool:
    return exchange.method == "GET"


def test_a_download_that_dribbles_is_given_up__row_13(server, adapter, tmp_path):
    put(adapter, body=MEGABYTE)
    slow = server.fail(dribble(10_000), when=gets)

    with given_up():
        adapter.download(KEY, tmp_path / "copy")

    assert slow.struck == 1
    assert not (tmp_path / "copy").exists()


def test_a_range_that_dribbles_is_given_up__row_13(server, adapter):
    put(adapter, body=MEGABYTE)
    slow = server.fail(dribble(10_000), when=gets)

    with given_up():
        adapter.read_range(KEY, 0, MIB)

    assert slow.struck == 1


def test_a_range_that_ends_early_is_not_a_short_object__row_18(server, adapter):
    """What a file is, is told from its first bytes: from half of them it would be a verdict."""
    put(adapter)
    cut = server.fail(cut_short, when=gets)

    with pytest.raises(TransientFailure, match=f"of {len(BODY)} bytes"):
        adapter.read_range(KEY, 0, MIB)

    assert cut.struck == 1


@pytest.mark.parametrize("sizes", [Sizes(), Sizes(single_put=MIB, put_part=16 * MIB)])
def test_an_upload_that_is_taken_slowly_is_given_up__row_13(server, adapter, sizes):
    adapter.sizes = sizes
    server.reading_rate = 200_000

    with given_up():
        put(adapter, body=MEGABYTE * 8)

    server.heal()
    assert adapter.stat(KEY) is None


def test_larger_objects_have_more_time(server, adapter, tmp_path):
    put(adapter, body=MEGABYTE)
    slow = server.fail(dribble(400_000), when=gets)

    with patience(1.0, rate=60_000):
        assert adapter.download(KEY, tmp_path / "copy") == MIB

    assert slow.struck == 1
    assert (tmp_path / "copy").read_bytes() == MEGABYTE


def test_tries_end_with_the_time_of_the_operation__row_13(server, adapter, monkeypatch):
    """Three tries, each of which may wait for twenty seconds, are not a minute."""
    put(adapter)
    monkeypatch.setattr("rindle_django.storage.s3.bucket.READ_SECONDS", 1.5)
    impatient = type(adapter)("store", adapter.bucket.storage)
    impatient.stat(KEY)
    slow = server.fail(stall(2))

    with given_up():
        impatient.stat(KEY)

    assert slow.struck == 1


def test_a_batch_of_deletions_has_time_for_each_key(server, adapter, monkeypatch):
    monkeypatch.setattr(deadlines, "SECONDS_PER_KEY", 0.0)
    with patience(0.0):
        assert adapter.delete([KEY]).failed == {KEY: "storage_unavailable"}

    monkeypatch.setattr(deadlines, "SECONDS_PER_KEY", 30.0)
    with patience(0.0):
        assert adapter.delete([KEY]).confirmed.keys() == {KEY}


def test_a_client_that_is_slow_does_not_use_up_the_storages_time(adapter):
    """Its bytes are waited for before the storage is asked anything."""

    def chunks():
        yield BODY
        time.sleep(3.1)

    adapter.stat(KEY)  # so that there is a client
    with patience(3.0):
        adapter.put_stream(KEY, chunks(), length=None, content_type="a/b", limit=MIB)

    assert read(adapter) == BODY


def test_a_disk_that_crawls_is_given_up(files, tmp_path):
    put(files)
    (tmp_path / "file").write_bytes(BODY)

    with given_up(-1.0):
        files.download(KEY, tmp_path / "copy")
    with given_up(-1.0):
        files.put_file(OTHER, tmp_path / "file", content_type="a/b")

    assert not (tmp_path / "copy").exists()
    assert files.stat(OTHER) is None


def test_a_wrong_clock_is_named(server, adapter):
    """Nobody finds "RequestTimeTooSkewed" among a thousand lines of an outage."""
    skewed = server.fail(error(403, "RequestTimeTooSkewed"))

    with pytest.raises(TransientFailure, match="clock of this machine"):
        put(adapter)

    assert skewed.struck == 1
