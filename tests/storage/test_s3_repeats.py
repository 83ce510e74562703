"""Answers that are lost after the storage did what it was asked: the next try meets the work of
the first, and must neither take it for somebody else's nor undo it.

moto forgets a completed upload as Ceph does; what each really answers is asserted where it counts.
"""

from __future__ import annotations

import pytest

from rindle_django.errors import RequestRefused, TransientFailure
from rindle_django.storage.s3.transfer import Sizes
from tests.servers.faults import Exchange, FaultyServer, error, lose_answer
from tests.storage.contract import BODY, KEY, OTHER, put, read

MIB = 1 << 20
PARTS = Sizes(single_put=MIB, put_part=5 * MIB)
LARGE = b"a large object, in parts: " * (6 * MIB // 26)


def is_write(exchange: Exchange) -> bool:
    return exchange.method == "PUT"


def completes(exchange: Exchange) -> bool:
    return exchange.method == "POST" and "uploadId" in exchange.path


def deletes(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.path.endswith("?delete")


@pytest.fixture(
    params=[
        pytest.param("s3_server", id="moto"),
        pytest.param("rgw_server", id="rgw", marks=pytest.mark.rgw),
    ]
)
def real(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def server(real):
    with FaultyServer(real).running() as faulty:
        yield faulty


@pytest.fixture
def adapter(server, real, s3_store, bucket):
    return s3_store(server.endpoint, bucket(real))


def test_a_write_knows_its_own_object_again__row_4(server, adapter):
    lost = server.fail(lose_answer, when=is_write, times=1)

    assert put(adapter).size == len(BODY)

    assert lost.struck == 1
    assert read(adapter) == BODY
    with pytest.raises(RequestRefused) as refusal:  # the same bytes, but another write
        put(adapter)
    assert refusal.value.code == "object_exists"


def test_another_write_of_the_same_bytes_is_not_its_own(server, adapter):
    """A first try that never arrived, and somebody who was there before it."""
    put(adapter)
    cut = server.fail(lambda _: None, when=is_write, times=1)

    with pytest.raises(TransientFailure):  # not known whose: no verdict
        put(adapter)

    assert cut.struck == 1
    assert read(adapter) == BODY


def test_a_write_that_may_not_look_claims_nothing(server, adapter):
    lost = server.fail(lose_answer, when=is_write, times=1)
    denied = server.fail(error(403, "AccessDenied"), when=lambda each: each.method == "HEAD")

    with pytest.raises(TransientFailure):
        put(adapter)

    assert lost.struck == denied.struck == 1
    server.heal()
    assert read(adapter) == BODY


def test_an_object_in_parts_is_completed_once__row_4(server, adapter):
    adapter.sizes = PARTS
    lost = server.fail(lose_answer, when=completes, times=1)

    assert put(adapter, body=LARGE).size == len(LARGE)

    assert lost.struck == 1
    assert read(adapter) == LARGE
    with pytest.raises(RequestRefused):
        put(adapter, body=LARGE)


def test_an_error_inside_the_ok_of_a_completion_is_tried_again__row_14(server, adapter):
    adapter.sizes = PARTS
    broken = server.fail(error(200, "InternalError"), when=completes, times=1)

    assert put(adapter, body=LARGE).size == len(LARGE)

    assert broken.struck == 1
    assert read(adapter) == LARGE


def test_an_error_inside_every_ok_of_a_completion_stores_nothing__row_14(server, adapter):
    adapter.sizes = PARTS
    broken = server.fail(error(200, "SlowDown"), when=completes)

    with pytest.raises(TransientFailure, match="SlowDown"):
        put(adapter, body=LARGE)

    assert broken.struck == 3
    server.heal()
    assert adapter.stat(KEY) is None
    assert list(adapter.list_objects()) == []  # its parts were given back


def test_an_error_inside_the_ok_of_a_copied_part_is_an_error__row_14(server, adapter):
    put(adapter, body=LARGE)
    adapter.sizes = Sizes(single_copy=MIB, copy_part=5 * MIB)
    broken = server.fail(error(200, "InternalError"), when=lambda each: "partNumber=2" in each.path)

    with pytest.raises(TransientFailure, match="InternalError"):
        adapter.copy(KEY, OTHER, content_type="a/b")

    assert broken.struck == 3
    server.heal()
    assert [found.key for found in adapter.list_objects()] == [KEY]


def test_a_copy_whose_answer_is_lost_is_made_again(server, adapter):
    put(adapter)
    lost = server.fail(lose_answer, when=is_write, times=1)

    assert adapter.copy(KEY, OTHER, content_type="a/b").size == len(BODY)

    assert lost.struck == 1
    assert read(adapter, OTHER) == BODY


def test_a_deletion_whose_answer_is_lost_is_confirmed_by_looking__row_17(server, adapter):
    put(adapter)
    lost = server.fail(lose_answer, when=deletes, times=1)

    assert adapter.delete([KEY]).confirmed == {KEY: "head_404"}
    assert lost.struck == 1


def test_a_conflict_passes_or_is_weather__row_15(server, adapter):
    conflict = server.fail(error(409, "ConditionalRequestConflict"), when=is_write, times=1)

    with pytest.raises(TransientFailure, match="ConditionalRequestConflict"):
        put(adapter)

    assert conflict.struck == 1
    assert put(adapter).size == len(BODY)
