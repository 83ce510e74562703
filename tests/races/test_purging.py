"""Two purges of one asset, and a purge beside a writer that wakes up late: what is deleted is
deleted once more, whoever else was at it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now

from rindle_django import discard
from rindle_django.models import Asset, StoredObject
from rindle_django.operations.reconcile import reconcile
from rindle_django.purge import purge, take_back
from rindle_django.testing import drain_jobs
from tests.jobs.queue import forget_jobs
from tests.kit import files_in, ready, settle
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)


def during_the_first_deletion(sky: Sky, act: object) -> None:
    """``act`` happens while the storage is asked to delete for the first time."""
    first = [act]

    def meanwhile() -> None:
        if first:
            happens = first.pop()
            assert callable(happens)
            happens()

    sky.before("delete", meanwhile)


def to_be_deleted_once_more() -> int:
    return StoredObject.objects.filter(state="gone", wake_at__isnull=False).count()


def unwanted() -> Asset:
    asset = ready()
    assert discard(asset.pk)
    forget_jobs()
    return asset


def test_of_two_purges_at_once_the_later_leaves_the_second_deletion_to_come__W1_4(sky: Sky):
    asset = unwanted()
    during_the_first_deletion(sky, lambda: purge(asset.pk))
    purge(asset.pk)
    assert to_be_deleted_once_more() == StoredObject.objects.count() == 5


def test_what_a_sleeper_wrote_over_the_second_deletion_is_deleted__W1_4_W1_8(
    sky: Sky, media_folder: Path
):
    asset = unwanted()
    purge(asset.pk)
    stored = StoredObject.objects.filter(asset_id=asset.pk)[0]
    settle(asset.pk)
    during_the_first_deletion(sky, lambda: take_back(stored))
    purge(asset.pk)
    late = media_folder / stored.key
    late.parent.mkdir(parents=True, exist_ok=True)
    late.write_bytes(b"written before it was taken back, and after the deletion")
    drain_jobs(early=True)
    assert files_in(media_folder) == set()


def test_what_is_taken_back_and_forgotten_by_the_queue_is_rung_for_soon():
    """However long ago it went: a pause grows with the wait, and the wait has only begun."""
    asset = unwanted()
    purge(asset.pk)
    StoredObject.objects.update(updated_at=Now() - timedelta(days=1))
    take_back(StoredObject.objects.filter(asset_id=asset.pk)[0])
    forget_jobs()
    assert reconcile().objects == 1
    forget_jobs()
    assert StoredObject.objects.filter(wake_at__lt=Now() + timedelta(minutes=10)).count() == 1
