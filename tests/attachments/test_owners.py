"""Owners of every sort: any primary key, inherited slots, and what their deletion takes along."""

from __future__ import annotations

from typing import Any

import pytest

from rindle_django import attach, attached, attachments_of
from rindle_django.models import Asset, Attachment, StoredObject
from rindle_django.testing import drain_jobs
from tests.app.models import Article, Member, Tag
from tests.kit import files_in, ledger_keys, queued_jobs, ready, rolled_back
from tests.rows import asset_in

pytestmark = pytest.mark.django_db(transaction=True)


def owners() -> list[tuple[Any, str]]:
    return [
        (Article.objects.create(), "cover"),
        (Member.objects.create(), "avatar"),
        (Tag.objects.create(slug="grey-herons"), "icon"),
    ]


def test_owners_have_integer_uuid_and_slug_keys__D12():
    for owner, slot in owners():
        asset = asset_in("ready")
        attach(owner, slot, asset)
        reread = type(owner).objects.get(pk=owner.pk)
        assert getattr(reread, slot).asset_id == asset.pk
        assert getattr(reread, slot).owner == owner


def test_equal_keys_of_different_models_are_different_owners__D12():
    tag, article = Tag.objects.create(slug="1"), Article.objects.create(pk=1)
    mine, theirs = asset_in("ready"), asset_in("ready")
    attach(tag, "cover", mine)
    attach(article, "cover", theirs)
    assert [row.asset_id for row in attachments_of(tag)] == [mine.pk]
    assert [row.asset_id for row in attachments_of(article)] == [theirs.pk]


def test_prefetching_works_for_every_sort_of_key__D12():
    for owner, slot in owners():
        asset = asset_in("ready")
        attach(owner, slot, asset)
        (loaded,) = type(owner).objects.prefetch_related(slot)
        assert getattr(loaded, slot).asset_id == asset.pk


def test_a_slot_of_an_abstract_parent_works_and_empties_with_its_owner(article: Article):
    attach(article, "banner", asset_in("ready"))
    assert article.banner is not None
    with pytest.raises(Exception, match="profile"):
        attach(article, "banner", asset_in("ready", profile="plain"))
    article.delete()
    assert not Attachment.objects.exists()


def test_deleting_an_owner_removes_its_media_to_the_last_byte(article: Article, media_folder: Any):
    cover, photo = ready(), ready()
    attach(article, "cover", cover)
    article.photos.add(photo)
    article.delete()
    drain_jobs()
    assert not Asset.objects.exists()
    assert files_in(media_folder) == ledger_keys("expected", "present", "doomed") == set()
    assert StoredObject.objects.filter(state="gone").count() == 10


@pytest.mark.parametrize("model", [Article, Member, Tag])
def test_deleting_a_queryset_of_owners_detaches_all_of_them(model: Any):
    for number in range(3):
        owner = model.objects.create(slug=f"s{number}") if model is Tag else model.objects.create()
        attach(owner, "cover", asset_in("ready"))
    model.objects.all().delete()
    assert not Attachment.objects.exists()
    assert len(queued_jobs("rindle:purge_storage")) == 3


def test_a_rolled_back_deletion_of_an_owner_keeps_its_media(article: Article):
    attach(article, "cover", asset_in("ready"))
    key = article.pk
    with rolled_back():
        Article.objects.get(pk=key).delete()
    assert attached(article, "cover") is not None
    assert queued_jobs("rindle:purge_storage") == []


def test_deleting_one_of_two_owners_keeps_the_shared_asset(article: Article, other: Article):
    asset = asset_in("ready")
    attach(article, "cover", asset)
    attach(other, "cover", asset)
    article.delete()
    assert queued_jobs("rindle:purge_storage") == []
    other.delete()
    assert queued_jobs("rindle:purge_storage") == [
        {"asset_id": str(asset.pk), "profile": "photo"},
    ]
