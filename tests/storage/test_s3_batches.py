"""Deletions of many keys: in batches that the server takes, with an outcome for each key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers.faults import Exchange, FaultyServer, delete_all_but, error, lose_answer
from tests.storage.contract import put

FEW = [f"variants/ab/asset-{number // 5}/{number:02}" for number in range(25)]
MANY = [f"variants/ab/asset-{number // 50}/{number}" for number in range(1100)]


def deletes(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.path.endswith("?delete")


def keep_versions(adapter) -> None:
    adapter.bucket.client.put_bucket_versioning(
        Bucket=adapter.bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )


@pytest.fixture
def server(s3_server):
    with FaultyServer(s3_server).running() as faulty:
        yield faulty


@pytest.fixture(params=["head_404", "versions_clean"])
def known_by(request):
    return request.param


@pytest.fixture
def adapter(server, s3_store, s3_server, bucket, monkeypatch, known_by):
    """Batches of ten, each sent once, over a bucket with ``FEW``."""
    monkeypatch.setattr("rindle_django.storage.s3.bucket.TRIES", 1)
    monkeypatch.setattr("rindle_django.storage.s3.deletion.MAX_KEYS", 10)
    adapter = s3_store(server.endpoint, bucket(s3_server))
    if known_by == "versions_clean":
        keep_versions(adapter)
    for key in FEW:
        adapter.bucket.client.put_object(Bucket=adapter.bucket.name, Key=key, Body=b"x")
    return adapter


def test_one_key_refused_in_the_second_batch_is_that_key_alone__W1_2(server, adapter, known_by):
    partial = server.fail(delete_all_but(FEW[12], FEW[17]), when=deletes, times=1, spared=1)

    deletion = adapter.delete(FEW)

    assert partial.struck == 1
    assert deletion.failed == dict.fromkeys([FEW[12], FEW[17]], "storage_unavailable")
    others = [key for key in FEW if key not in deletion.failed]
    assert deletion.confirmed == dict.fromkeys(others, known_by)
    assert [found.key for found in adapter.list_objects()] == [FEW[12], FEW[17]]
    assert adapter.delete(FEW).confirmed == dict.fromkeys(FEW, known_by)


@pytest.mark.parametrize(
    ("fault", "struck"),
    [(lose_answer, 0), (error(503, "SlowDown"), 1), (error(403, "AccessDenied"), 2)],
    ids=["lost", "throttled", "denied"],
)
def test_a_batch_without_an_answer_is_not_known_and_stops_no_other(
    server, adapter, known_by, fault, struck
):
    weather = server.fail(fault, when=deletes, times=1, spared=struck)

    deletion = adapter.delete(FEW)

    assert weather.struck == 1
    unknown = FEW[struck * 10 : struck * 10 + 10]
    assert deletion.failed == dict.fromkeys(unknown, "storage_unavailable")
    assert deletion.confirmed.keys() == set(FEW) - set(unknown)
    assert adapter.delete(FEW).confirmed == dict.fromkeys(FEW, known_by)
    assert list(adapter.list_objects()) == []


@pytest.mark.parametrize(
    "real", ["s3_server", pytest.param("rgw_server", marks=pytest.mark.rgw)], ids=["moto", "rgw"]
)
def test_more_versions_than_a_request_takes_go_in_requests_of_a_thousand(
    request, real, s3_store, bucket
):
    endpoint = request.getfixturevalue(real)
    adapter = s3_store(endpoint, bucket(endpoint))
    client, name = adapter.bucket.client, adapter.bucket.name
    keep_versions(adapter)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: client.put_object(Bucket=name, Key=key, Body=b"x"), MANY))
    for key in MANY[990:1010]:
        client.delete_object(Bucket=name, Key=key)  # leaves a marker
    put(adapter, MANY[0] + ".jpg")
    sizes: list[int] = []
    client.meta.events.register(
        "provide-client-params.s3.DeleteObjects",
        lambda params, **_: sizes.append(len(params["Delete"]["Objects"])),
    )

    deletion = adapter.delete(MANY)

    assert deletion.confirmed == dict.fromkeys(MANY, "versions_clean")
    assert sum(sizes) == len(MANY) + 20
    assert len(sizes) > 1
    assert max(sizes) <= 1000
    assert [found.key for found in adapter.list_objects()] == [MANY[0] + ".jpg"]
