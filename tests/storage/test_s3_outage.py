"""An S3 server that fails in every way it can: nothing is taken for missing, stored or deleted
that is not known to be.
"""

from __future__ import annotations

import pytest

from rindle_django.errors import Kind, RequestRefused, TransientFailure, classify
from rindle_django.storage.s3 import S3Adapter
from rindle_django.storage.s3.transfer import Sizes
from tests.servers.faults import Answer, FaultyServer, cut_short, error, stall
from tests.storage.contract import BODY, CALLS, KEY, OTHER, put, read

MIB = 1 << 20
READING = ["stat", "read_range", "download"]
WRITING = ["put_file", "put_stream", "copy_to"]

FAULTS = {
    "denied": error(403, "AccessDenied"),
    "no bucket": error(404, "NoSuchBucket"),
    "internal": error(500, "InternalError"),
    "slow down": error(503, "SlowDown"),
    "conflict": error(409, "ConditionalRequestConflict"),
    "not json": error(502, "<html>"),
    "cut": lambda _: None,
}


@pytest.fixture
def server(s3_server):
    with FaultyServer(s3_server).running() as faulty:
        yield faulty


@pytest.fixture
def adapter(server, s3_store, s3_server, bucket, monkeypatch):
    monkeypatch.setattr("rindle_django.storage.s3.bucket.TRIES", 1)
    return s3_store(server.endpoint, bucket(s3_server))


@pytest.fixture
def trying_again(server, s3_store, s3_server, bucket):
    return s3_store(server.endpoint, bucket(s3_server))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", [*READING, *WRITING])
def test_an_outage_is_never_absence__row_16(server, adapter, tmp_path, fault, call):
    put(adapter)
    (tmp_path / "file").write_bytes(BODY)
    server.fail(FAULTS[fault])

    with pytest.raises(TransientFailure) as failure:
        CALLS[call](adapter, OTHER if call in WRITING else KEY, tmp_path / "file")

    assert failure.value.code == "storage_unavailable"
    assert classify(failure.value) is Kind.TRANSIENT


@pytest.mark.parametrize("fault", FAULTS)
def test_an_outage_confirms_no_deletion__row_17(server, adapter, fault):
    put(adapter)
    server.fail(FAULTS[fault])

    deletion = adapter.delete([KEY, OTHER])

    assert deletion.confirmed == {}
    assert deletion.failed == dict.fromkeys([KEY, OTHER], "storage_unavailable")
    server.heal()
    assert adapter.delete([KEY, OTHER]).confirmed.keys() == {KEY, OTHER}


def test_a_deletion_that_cannot_be_confirmed_is_not__row_17(server, adapter):
    put(adapter)
    server.fail(error(503, "SlowDown"), when=lambda exchange: exchange.method == "HEAD")

    assert adapter.delete([KEY]).failed == {KEY: "storage_unavailable"}


def test_a_deletion_without_effect_is_not_confirmed(server, adapter):
    put(adapter)
    server.fail(
        lambda _: Answer(200, b"<DeleteResult></DeleteResult>"),
        when=lambda exchange: exchange.method == "POST" and "delete" in exchange.path,
    )

    assert adapter.delete([KEY]).failed == {KEY: "still_there"}


def test_a_passing_fault_is_passed_over(server, trying_again):
    server.fail(error(503, "SlowDown"), times=1)

    assert put(trying_again).size == len(BODY)


def test_a_server_that_hangs_is_given_up__row_13(server, adapter, monkeypatch):
    put(adapter)
    monkeypatch.setattr("rindle_django.storage.s3.bucket.READ_SECONDS", 0.3)
    impatient = S3Adapter("store", adapter.bucket.storage)
    server.fail(stall(1))

    with pytest.raises(TransientFailure) as failure:
        impatient.stat(KEY)

    assert failure.value.params["detail"] == "ReadTimeoutError"


def test_a_download_that_ends_early_is_not_a_short_file__row_18(server, adapter, tmp_path):
    put(adapter)
    server.fail(cut_short, when=lambda exchange: exchange.method == "GET")

    with pytest.raises(TransientFailure):
        adapter.download(KEY, tmp_path / "copy")

    assert not (tmp_path / "copy").exists()


def test_an_error_inside_an_ok_is_an_error__row_14(server, adapter):
    put(adapter)
    server.fail(error(200, "InternalError"), when=lambda exchange: exchange.method == "PUT")

    with pytest.raises(TransientFailure):
        adapter.copy(KEY, OTHER, content_type="a/b")

    server.heal()
    assert adapter.stat(OTHER) is None


def test_a_write_that_left_nothing_is_not_believed(server, adapter):
    server.fail(
        lambda _: Answer(200, headers={"ETag": '"0"'}),
        when=lambda exchange: exchange.method == "PUT",
    )

    with pytest.raises(TransientFailure, match="not there"):
        put(adapter)


def test_parts_are_given_back_when_one_fails(server, adapter):
    adapter.sizes = Sizes(single_put=MIB, put_part=5 * MIB)
    server.fail(error(503, "SlowDown"), when=lambda exchange: "partNumber=2" in exchange.path)

    with pytest.raises(TransientFailure):
        put(adapter, body=bytes(11 * MIB))

    server.heal()
    assert adapter.stat(KEY) is None
    assert "Uploads" not in adapter.bucket.client.list_multipart_uploads(Bucket=adapter.bucket.name)


def test_the_reason_outlives_a_failure_to_give_parts_back(server, adapter):
    adapter.sizes = Sizes(single_put=MIB, put_part=5 * MIB)
    server.fail(error(503, "SlowDown"), when=lambda exchange: "partNumber=2" in exchange.path)
    server.fail(error(403, "AccessDenied"), when=lambda exchange: exchange.method == "DELETE")

    with pytest.raises(TransientFailure, match="SlowDown"):
        put(adapter, body=bytes(11 * MIB))

    server.heal()
    assert adapter.delete([KEY]).confirmed.keys() == {KEY}  # which aborts what is left
    assert "Uploads" not in adapter.bucket.client.list_multipart_uploads(Bucket=adapter.bucket.name)


def test_a_server_without_conditional_writes_still_writes_once(server, adapter):
    server.fail(
        error(501, "NotImplemented"),
        when=lambda exchange: "If-None-Match" in exchange.headers,
    )

    put(adapter, body=b"the first")

    with pytest.raises(RequestRefused) as refusal:
        put(adapter)
    assert refusal.value.code == "object_exists"
    assert read(adapter) == b"the first"


def test_rights_to_look_around_are_not_needed_to_delete(server, adapter):
    """Least privilege: the policy allows objects, but neither versioning nor open uploads."""
    put(adapter)
    server.fail(error(403, "AccessDenied"), when=lambda exchange: "version" in exchange.path)
    server.fail(error(403, "AccessDenied"), when=lambda exchange: "uploads" in exchange.path)

    assert adapter.delete([KEY]).confirmed.keys() == {KEY}
