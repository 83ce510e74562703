"""When storage and ledger do not belong together, nothing is deleted and nothing is marked."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F

from rindle_django.models import StoredObject
from rindle_django.operations.verify import Rules
from tests.kit import fresh, variant_states
from tests.verify_storage.scene import (
    gallery,
    keys_in,
    lost,
    planned,
    sighted,
    stray,
    variant,
    verify,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_more_orphans_than_the_limit_are_all_held_back():
    gallery()
    strays = {stray() for _ in range(21)}
    verify()
    report = verify()
    assert (report.held_back, report.objects_deleted, report.failures) == (21, 0, 21)
    assert strays <= keys_in()
    assert sighted("orphan") == strays

    report = verify(rules={"max_share": 1})
    assert (report.held_back, report.objects_deleted) == (0, 21)
    assert keys_in().isdisjoint(strays)


def test_a_few_are_no_disaster_in_a_small_storage():
    gallery()
    strays = {stray() for _ in range(20)}
    verify()
    assert verify().objects_deleted == 20
    assert keys_in().isdisjoint(strays)


def test_the_share_is_of_the_whole_storage_even_step_by_step():
    gallery(5)
    for _ in range(6):
        stray()
    rules = {"few": 0, "max_share": 0.25}
    for _ in range(2):
        while not (report := verify(limit=5, rules=rules)).storages_finished:
            pass
    assert (report.objects_deleted, report.held_back) == (6, 0)

    for _ in range(6):
        stray()
    rules = {"few": 0, "max_share": 0.2}
    for _ in range(2):
        while not (report := verify(limit=5, rules=rules)).storages_finished:
            pass
    assert (report.objects_deleted, report.held_back) == (0, 6)


def test_an_empty_ledger_is_the_wrong_one():
    """The site's settings name a bucket that another site fills."""
    gallery()
    orphan = stray()
    StoredObject.objects.update(storage="elsewhere")
    before = keys_in()
    for _ in range(3):
        report = verify()
        assert (report.objects_deleted, report.orphans_found) == (0, 5)
    assert report.held_back == 5
    assert keys_in() == before
    assert orphan in before


def test_what_is_older_than_the_ledger_is_another_ledgers():
    orphan = stray()
    gallery()
    StoredObject.objects.update(created_at=F("created_at") + timedelta(minutes=2))
    verify()
    report = verify()
    assert (report.held_back, report.objects_adopted) == (1, 0)
    assert orphan in keys_in()

    StoredObject.objects.update(created_at=F("created_at") - timedelta(minutes=2))
    assert verify().objects_deleted == 1


def test_an_empty_storage_is_the_wrong_one(media_folder: Path):
    """The volume is not mounted: its folder is there, and empty."""
    [asset] = gallery()
    shutil.rmtree(media_folder)
    media_folder.mkdir()
    for _ in range(3):
        report = verify()
    assert (report.missing_found, report.variants_marked, report.held_back) == (3, 0, 3)
    assert set(variant_states(asset).values()) == {"ready"}


def test_more_missing_than_the_limit_are_all_left_as_they_are():
    assets = gallery(8)
    for asset in assets:
        for name in ("thumb", "medium", "large"):
            lost(variant(asset, name).object)
    verify()
    report = verify(regenerate_missing=True)
    assert (report.held_back, report.variants_marked, report.variants_requeued) == (24, 0, 0)
    assert {fresh(asset).state for asset in assets} == {"ready"}

    assert verify(rules={"max_share": 1}).variants_marked == 24
    assert {fresh(asset).state for asset in assets} == {"degraded"}


def test_a_limit_on_one_side_does_not_hold_back_the_other():
    [asset] = gallery()
    strays = {stray() for _ in range(21)}
    lost(variant(asset).object)
    verify()
    report = verify()
    assert (report.held_back, report.variants_marked) == (21, 1)
    assert strays <= keys_in()


def test_the_plan_says_what_a_difference_calls_for_though_it_is_held_back():
    gallery()
    strays = {stray() for _ in range(21)}
    verify()
    assert planned() == dict.fromkeys(strays, ("orphan", "delete"))


def test_the_usual_rules_are_cautious():
    assert Rules() == Rules(min_age=86_400, apart=3600, max_share=0.05, few=20)
