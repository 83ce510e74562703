"""Receipts: one for each object that is gone, with nothing personal in it."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from rindle_django.models import StoredObject
from rindle_django.operations import receipts as module
from rindle_django.operations.receipts import receipts
from rindle_django.purge import discard
from rindle_django.testing import drain_jobs
from tests.kit import JPEG, arrive, ledger_keys
from tests.rows import object_in
from tests.stock import filled, stock
from tests.verify_storage.scene import gallery, stray, verify

pytestmark = pytest.mark.django_db(transaction=True)
FIELDS = {"object", "asset", "storage", "key", "purpose", "gone_at", "confirmation", "attempts"}


def exported(*args: str) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("rindle_receipts", *args, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_every_deleted_object_has_a_receipt_that_says_how_its_absence_is_known():
    asset, _ = filled(stock(2))
    discard(asset.pk)
    drain_jobs(early=True)

    found = exported()
    assert {each["key"] for each in found} == ledger_keys("gone")
    assert len(found) == 4
    assert {each["confirmation"] for each in found} == {"unlinked"}
    assert {(each["asset"], each["storage"]) for each in found} == {(str(asset.pk), "default")}
    assert sorted(each["purpose"] for each in found) == ["original", *["variant"] * 3]


def test_a_receipt_names_no_person_and_no_file():
    asset = arrive(JPEG, filename="my holiday.jpg", actor="auth.user:777")
    drain_jobs()
    discard(asset.pk)
    drain_jobs(early=True)

    found = exported(f"--asset={asset.pk}")
    assert found
    for each in found:
        assert set(each) == FIELDS
        assert "holiday" not in json.dumps(each)
        assert "777" not in json.dumps({**each, "object": "", "asset": "", "key": ""})


def test_what_is_not_gone_has_no_receipt():
    for state in ("expected", "present", "doomed"):
        object_in(state)
    assert exported() == []


def test_an_orphan_gets_its_receipt_like_anything_else():
    gallery()
    key = stray()
    verify()
    verify()
    [receipt] = exported()
    assert (receipt["key"], receipt["confirmation"]) == (key, "unlinked")


def test_receipts_are_narrowed_by_asset_and_by_time():
    old, new = object_in("gone"), object_in("gone")
    now = timezone.now()
    StoredObject.objects.filter(pk=old.pk).update(gone_at=now - timedelta(days=3))
    StoredObject.objects.filter(pk=new.pk).update(gone_at=now)

    def keys(*args: str) -> list[str]:
        return [each["key"] for each in exported(*args)]

    assert keys() == [old.key, new.key]
    assert keys(f"--asset={old.asset_id}") == [old.key]
    assert keys(f"--asset={uuid4()}") == []
    assert keys(f"--since={(now - timedelta(days=1)).isoformat()}") == [new.key]
    assert keys(f"--since={(now - timedelta(days=2)).date().isoformat()}") == [new.key]
    assert keys("--since=2020-01-01") == [old.key, new.key]


@pytest.mark.parametrize("wrong", ["--asset=none", "--since=yesterday"])
def test_what_is_no_filter_is_wrong_usage(wrong: str):
    with pytest.raises(CommandError):
        exported(wrong)


def test_receipts_come_in_batches(monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any):
    for _ in range(5):
        stored = object_in("gone")
        StoredObject.objects.filter(pk=stored.pk).update(gone_at=timezone.now())
    monkeypatch.setattr(module, "BATCH", 2)
    walk = receipts()
    assert next(walk).key
    assert len(list(walk)) == 4
