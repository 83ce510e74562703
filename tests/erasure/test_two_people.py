"""Erasure and somebody else, at the same asset at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import transaction

from rindle_django import attach, attached, detach
from rindle_django.errors import RequestRefused
from rindle_django.models import Asset, Attachment
from rindle_django.operations.erasure import erase_owner, erase_owners
from rindle_django.purge import purge
from rindle_django.testing import drain_jobs
from tests.app.models import Article, Member, Tag
from tests.crowd import Somebody, at_once, holding, wait_until_blocked
from tests.erasure.owners import counts, owner_with, photo
from tests.kit import files_in, fresh, queued_jobs, refused

pytestmark = pytest.mark.django_db(transaction=True)


def shared() -> tuple[Asset, Article, Member]:
    asset = photo()
    return asset, owner_with(Article, asset), owner_with(Member, asset)


@pytest.mark.parametrize("first", ["article", "member"])
def test_of_co_owners_erased_together_the_last_takes_the_asset_along__U17_O7_C3_1(
    first: str, media_folder: Path
):
    asset, article, member = shared()
    early, late = (article, member) if first == "article" else (member, article)
    with holding(asset.pk):
        one = Somebody(lambda: erase_owner(early))
        wait_until_blocked(1)
        other = Somebody(lambda: erase_owner(late))
        wait_until_blocked(2)
    assert counts(one.answer()) == (1, 0, 1)
    assert counts(other.answer()) == (1, 1, 0)
    assert not Attachment.objects.exists()
    assert fresh(asset).state == "deleted"
    drain_jobs()
    assert files_in(media_folder) == set()


def test_a_co_owner_whose_erasure_is_taken_back_keeps_the_asset__U17():
    asset, article, member = shared()
    with transaction.atomic():
        assert counts(erase_owner(article)) == (1, 0, 1)
        other = Somebody(lambda: erase_owner(member))
        wait_until_blocked()
        transaction.set_rollback(True)
    assert counts(other.answer()) == (1, 0, 1)
    assert attached(article, "cover") is not None
    assert fresh(asset).state == "ready"


def test_batches_of_the_same_owners_in_other_orders_end_well__U17():
    assets = [photo() for _ in range(2)]
    owners = [owner_with(model, *assets) for model in (Article, Member, Tag)]
    answers = at_once(lambda: erase_owners(owners), lambda: erase_owners(owners[::-1]))
    assert [answer.failed for answer in answers] == [[], []]
    assert sum(answer.assets_to_purge.count for answer in answers) == 2
    assert not Attachment.objects.exists()
    assert {fresh(asset).state for asset in assets} == {"deleted"}


def test_a_purge_that_runs_meanwhile_does_not_swallow_the_erasure__C3_2():
    asset, article, member = shared()
    detach(article, "cover")  # asks for nothing: the member has it
    with holding(asset.pk):
        running = Somebody(lambda: purge(asset.pk))
        erasing = Somebody(lambda: erase_owner(member))
        wait_until_blocked(1)
    running.answer()
    assert counts(erasing.answer()) == (1, 1, 0)
    assert str(asset.pk) in [job["asset_id"] for job in queued_jobs("rindle:purge_storage")]
    drain_jobs()
    assert not Asset.objects.filter(pk=asset.pk).exists()


def test_what_is_attached_by_another_before_the_decision_is_retained__C3_4():
    asset = photo()
    article, tag = owner_with(Article, asset), owner_with(Tag)
    with transaction.atomic():
        attach(tag, "icon", asset)
        erasing = Somebody(lambda: erase_owner(article))
        wait_until_blocked()
    assert counts(erasing.answer()) == (1, 0, 1)
    assert fresh(asset).state == "ready"


def test_what_is_attached_by_another_after_the_decision_is_refused__C3_4():
    asset = photo()
    article, tag = owner_with(Article, asset), owner_with(Tag)
    with transaction.atomic():
        erase_owner(article)
        attaching = Somebody(lambda: attach(tag, "icon", asset))
        wait_until_blocked()
    error = attaching.answer()
    assert isinstance(error, RequestRefused)
    assert error.code == "asset_not_attachable"
    with refused("asset_not_attachable"):
        attach(tag, "icon", asset)


def test_what_the_owner_attaches_during_its_erasure_goes_too__C3_4():
    early, late = photo(), photo()
    article = owner_with(Article, early)
    with transaction.atomic():
        attach(article, "banner", late)
        erasing = Somebody(lambda: erase_owner(article))
        wait_until_blocked()
    assert counts(erasing.answer()) == (2, 2, 0)


def test_an_upload_that_is_attached_meanwhile_is_not_discarded():
    member, tag = owner_with(Member), owner_with(Tag)
    asset = photo(actor=member)
    with transaction.atomic():
        attach(tag, "icon", asset)
        erasing = Somebody(lambda: erase_owner(member, uploads=True))
        wait_until_blocked()
    report = erasing.answer()
    assert report.uploads_to_discard.count == 0
    assert fresh(asset).state == "ready"
