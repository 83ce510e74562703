"""Purges of many assets in a bucket: few calls, and no asset the worse for another's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connections
from django.db.models.functions import Now
from pytest_django import Settings

from rindle_django import attach, detach, ledger
from rindle_django.errors import TransientFailure
from rindle_django.lifecycle import locked_all
from rindle_django.models import Asset, StoredObject
from rindle_django.purge import discard_all_locked, purge, purge_or_raise
from rindle_django.storage import adapter_for
from rindle_django.storage.s3 import S3Adapter
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.servers.endpoint import S3Endpoint
from tests.servers.faults import Exchange, FaultyServer, delete_all_but, error
from tests.servers.fixtures import BucketFactory
from tests.stock import stock

pytestmark = pytest.mark.django_db(transaction=True)
EACH = 4  # objects of a stocked asset


def deletes(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.path.endswith("?delete")


class Bucket:
    """The default storage. ``calls`` has the keys of each DeleteObjects that was sent."""

    def __init__(self) -> None:
        adapter = adapter_for("default")
        assert isinstance(adapter, S3Adapter)
        self.adapter = adapter
        self.client, self.name = adapter.bucket.client, adapter.bucket.name
        self.calls: list[list[str]] = []
        self.meanwhile: Callable[[], object] = int
        self.client.meta.events.register("provide-client-params.s3.DeleteObjects", self._count)

    def _count(self, params: dict[str, Any], **_: object) -> None:
        self.calls.append([each["Key"] for each in params["Delete"]["Objects"]])
        act, self.meanwhile = self.meanwhile, int
        act()

    def filled(self, assets: Sequence[Asset]) -> Sequence[Asset]:
        keys = StoredObject.objects.filter(asset__in=assets).values_list("key", flat=True)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._put, list(keys)))
        return assets

    def _put(self, key: str) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=b"x")

    @property
    def holds(self) -> set[str]:
        return {found.key for found in self.adapter.list_objects()}


@pytest.fixture
def server(s3_server):
    with FaultyServer(s3_server).running() as faulty:
        yield faulty


@pytest.fixture
def bucket_of(settings: Settings, bucket: BucketFactory, s3_server: S3Endpoint):
    def make(endpoint: S3Endpoint = s3_server) -> Bucket:
        entry = endpoint.storage(bucket(s3_server))
        settings.STORAGES = {**settings.STORAGES, "default": entry}
        return Bucket()

    return make


def tombstoned(assets: Sequence[Asset]) -> Sequence[Asset]:
    with locked_all([asset.pk for asset in assets]) as rows:
        discard_all_locked(rows)
    return assets


def keys_of(asset: Asset) -> set[str]:
    return set(StoredObject.objects.filter(asset_id=asset.pk).values_list("key", flat=True))


def test_a_mass_deletion_costs_few_calls(bucket_of):
    bucket = bucket_of()
    tombstoned(bucket.filled(stock(260)))

    outcomes = drain_jobs()

    assert [outcome.error for outcome in outcomes] == [None] * 260
    assert [len(call) for call in bucket.calls] == [1000, 40]
    assert bucket.holds == set()
    assert not Asset.objects.exists()
    receipts = StoredObject.objects.values_list("state", "confirmation").distinct()
    assert set(receipts) == {("gone", "head_404")}


def test_what_many_owners_gave_up_goes_together_but_not_what_is_attached_again__W1_3(bucket_of):
    bucket = bucket_of()
    assets = bucket.filled(stock(12))
    articles = [Article.objects.create() for _ in assets]
    for article, asset in zip(articles, assets, strict=True):
        attach(article, "cover", asset)
        detach(article, "cover")
    kept = assets[5]
    attach(articles[5], "cover", kept)

    drain_jobs()

    assert [len(call) for call in bucket.calls] == [11 * EACH]
    assert bucket.holds == keys_of(kept)
    assert [(each.pk, each.state) for each in Asset.objects.all()] == [(kept.pk, "ready")]


def test_a_key_that_stays_is_the_failure_of_its_own_asset_alone__W1_2(bucket_of, server):
    bucket = bucket_of(server.endpoint)
    assets = tombstoned(bucket.filled(stock(5)))
    stubborn = StoredObject.objects.get(asset=assets[3], purpose="original")
    refusal = server.fail(delete_all_but(stubborn.key), when=deletes)

    report = purge_or_raise(assets[0].pk)

    assert (report.deleted, report.kept, report.dropped) == (5 * EACH - 1, 0, True)
    assert [asset.pk for asset in Asset.objects.all()] == [assets[3].pk]
    stubborn.refresh_from_db()
    assert (stubborn.state, stubborn.attempts) == ("doomed", 0)
    with pytest.raises(TransientFailure):
        purge_or_raise(assets[3].pk)
    assert bucket.holds == {stubborn.key}
    assert refusal.struck == 2
    server.heal()
    assert purge(assets[3].pk).dropped
    assert bucket.holds == set()


def test_an_outage_befalls_those_whose_turn_it_is__W1_2(bucket_of, server):
    bucket = bucket_of(server.endpoint)
    assets = tombstoned(bucket.filled(stock(3)))
    server.fail(error(403, "AccessDenied"), when=deletes)

    with pytest.raises(TransientFailure):
        purge_or_raise(assets[1].pk)

    tried = StoredObject.objects.filter(attempts__gt=0)
    assert {stored.asset_id for stored in tried} == {assets[1].pk}
    assert len(bucket.holds) == 3 * EACH
    server.heal()
    drain_jobs()
    assert bucket.holds == set()
    assert not Asset.objects.exists()


def test_two_purges_at_once_share_the_work_and_miss_nothing(bucket_of):
    bucket = bucket_of()
    assets = tombstoned(bucket.filled(stock(6)))
    errors: list[Exception] = []

    def other() -> None:
        try:
            purge_or_raise(assets[1].pk)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    def meanwhile() -> None:
        late = tombstoned(bucket.filled(stock(2)))
        assert late
        thread = Thread(target=other)
        thread.start()
        thread.join()

    bucket.meanwhile = meanwhile
    purge_or_raise(assets[0].pk)

    first, second = (set(call) for call in bucket.calls)
    assert not errors
    # Each asset has a purge of its own, whoever else has taken it along; nothing else goes twice.
    assert first & second == keys_of(assets[1])
    assert len(first) == 6 * EACH
    assert len(second) == 3 * EACH
    assert bucket.holds == set()
    assert not Asset.objects.exists()


def test_what_a_killed_purge_had_claimed_is_deleted_by_its_own(bucket_of):
    bucket = bucket_of()
    assets = tombstoned(bucket.filled(stock(3)))
    own = list(ledger.deletable(assets[0].pk))
    assert len(ledger.claim_along(own, limit=100, put_off=900)) == 2 * EACH
    assert not ledger.claim_along(own, limit=100, put_off=900)

    drain_jobs()

    assert bucket.holds == set()
    assert not Asset.objects.exists()


def test_only_what_is_due_is_taken_along__W1_4(bucket_of):
    bucket = bucket_of()
    assets = bucket.filled(stock(4))
    later = Now() + timedelta(minutes=10)
    StoredObject.objects.filter(asset=assets[1]).update(settles_at=later)
    tombstoned(assets[:3])
    StoredObject.objects.filter(asset=assets[2]).update(attempts=1)

    report = purge_or_raise(assets[0].pk)

    assert report.deleted == EACH
    # A finished variant has no writer that could overtake its deletion (``ledger.retired``).
    assert bucket.holds == set().union(*(keys_of(asset) for asset in assets[1:]))
    assert {asset.state for asset in Asset.objects.filter(pk=assets[3].pk)} == {"ready"}


def test_rows_stay_while_an_object_of_theirs_has_to__W1_2(bucket_of):
    bucket = bucket_of()
    assets = bucket.filled(stock(2))
    original = StoredObject.objects.filter(asset=assets[1], purpose="original")
    original.update(settles_at=Now() + timedelta(minutes=10))
    tombstoned(assets)

    purge_or_raise(assets[0].pk)

    assert bucket.holds == set(original.values_list("key", flat=True))
    assert [asset.pk for asset in Asset.objects.all()] == [assets[1].pk]
