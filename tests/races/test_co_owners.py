"""One photo of two owners, who both go at the same time."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from django.db import transaction

from rindle_django import attach, attached
from rindle_django.models import Asset, Attachment
from rindle_django.testing import drain_jobs
from tests.app.models import Article, Member
from tests.crowd import Somebody, holding, wait_until_blocked
from tests.kit import files_in, fresh, queued_jobs, ready

pytestmark = pytest.mark.django_db(transaction=True)


def shared() -> tuple[Asset, Article, Member]:
    asset, article, member = ready(), Article.objects.create(), Member.objects.create()
    attach(article, "cover", asset)
    attach(member, "avatar", asset)
    return asset, article, member


@pytest.mark.parametrize("first", ["article", "member"])
@pytest.mark.parametrize("way", ["at the lock", "behind a transaction"])
def test_whichever_co_owner_goes_last_takes_the_asset_along__U17(
    media_folder: Path, first: str, way: str
):
    asset, article, member = shared()
    early, late = (article, member) if first == "article" else (member, article)
    if way == "at the lock":
        with holding(asset.pk):
            one = Somebody(early.delete)
            wait_until_blocked(1)
            other = Somebody(late.delete)
            wait_until_blocked(2)
        assert one.answer()[0] == 1
    else:
        with transaction.atomic():
            early.delete()
            other = Somebody(late.delete)
            wait_until_blocked()
            assert queued_jobs("rindle:purge_storage") == []
    assert other.answer()[0] == 1
    assert not Attachment.objects.exists()
    assert [job["asset_id"] for job in queued_jobs("rindle:purge_storage")] == [str(asset.pk)]
    drain_jobs()
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


@pytest.mark.parametrize("keeper", ["article", "member"])
def test_a_co_owner_whose_deletion_is_taken_back_keeps_the_asset__U17(
    media_folder: Path, keeper: str
):
    asset, article, member = shared()
    kept, gone = (article, member) if keeper == "article" else (member, article)
    before = files_in(media_folder)
    with transaction.atomic():
        copy.copy(kept).delete()  # which forgets its key, whatever becomes of the transaction
        other = Somebody(gone.delete)
        wait_until_blocked()
        transaction.set_rollback(True)
    assert other.answer()[0] == 1
    assert queued_jobs("rindle:purge_storage") == []
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"
    assert attached(kept, "cover" if keeper == "article" else "avatar") is not None
    assert files_in(media_folder) == before
