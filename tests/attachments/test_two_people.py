"""Two people at once. One holds a row in the midst of a decision; the other waits for it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from rindle_django import attach, attached, attachments_of, detach
from rindle_django.errors import RequestRefused
from rindle_django.models import Asset, Attachment
from rindle_django.purge import purge
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.crowd import Somebody, at_once, holding, wait_until_blocked
from tests.kit import files_in, fresh, ledger_keys, queued_jobs, ready
from tests.rows import asset_in

pytestmark = pytest.mark.django_db(transaction=True)


def purges() -> list[str]:
    return [arguments["asset_id"] for arguments in queued_jobs("rindle:purge_storage")]


def code_of(answer: Any) -> str:
    assert isinstance(answer, RequestRefused), answer
    return answer.code


def test_of_two_who_fill_an_empty_slot_the_later_replaces__U15(article: Article):
    assets = [asset_in("ready"), asset_in("ready")]
    answers = at_once(*(lambda each=each: attach(article, "cover", each) for each in assets))
    assert all(isinstance(answer, Attachment) for answer in answers)
    found = attached(article, "cover")
    assert found is not None
    assert purges() == [str(each.pk) for each in assets if each.pk != found.asset_id]


def test_of_two_who_replace_a_cover_nobody_gets_an_error__U15(article: Article):
    former, first, second = (asset_in("ready") for _ in range(3))
    attach(article, "cover", former)
    with transaction.atomic():
        attach(article, "cover", first)
        somebody = Somebody(lambda: attach(article, "cover", second))
        wait_until_blocked()
    assert isinstance(somebody.answer(), Attachment)
    assert [row.asset_id for row in attachments_of(article)] == [second.pk]
    assert purges() == [str(former.pk), str(first.pk)]


def test_two_who_add_photos_both_find_a_place(article: Article):
    first, second = asset_in("ready"), asset_in("ready")
    with transaction.atomic():
        article.photos.add(first)
        somebody = Somebody(lambda: attach(article, "photos", second))
        wait_until_blocked()
    assert isinstance(somebody.answer(), Attachment)
    assert [row.position for row in article.photos.all()] == [0, 1]


def test_two_who_add_to_the_last_free_place_do_not_overfill_the_slot(article: Article):
    for _ in range(2):
        article.photos.add(asset_in("ready"))
    first, second = asset_in("ready"), asset_in("ready")
    answers = at_once(
        lambda: attach(article, "photos", first), lambda: attach(article, "photos", second)
    )
    assert [code_of(each) for each in answers if isinstance(each, Exception)] == ["slot_full"]
    assert article.photos.all().count() == 3


def test_purge_that_waited_for_an_attach_deletes_nothing__W1_3(
    article: Article, other: Article, media_folder: Path
):
    asset = ready()
    attach(article, "cover", asset)
    detach(article, "cover")
    before = files_in(media_folder)
    with transaction.atomic():
        attach(other, "cover", asset)
        somebody = Somebody(lambda: purge(asset.pk))
        wait_until_blocked()
    assert somebody.answer().deleted == 0
    assert fresh(asset).state == "ready"
    assert attached(other, "cover") is not None
    assert files_in(media_folder) == before == ledger_keys("present")


def test_attach_that_waited_for_a_purge_is_refused__W1_3(
    article: Article, other: Article, media_folder: Path
):
    asset = ready()
    attach(article, "cover", asset)
    detach(article, "cover")
    with holding(asset.pk):
        purging = Somebody(lambda: purge(asset.pk))
        wait_until_blocked(1)
        attaching = Somebody(lambda: attach(other, "cover", asset))
        wait_until_blocked(2)
    assert purging.answer().deleted == 4
    assert code_of(attaching.answer()) in ("asset_not_attachable", "asset_not_found")
    assert not Attachment.objects.exists()
    assert not Asset.objects.exists()
    assert files_in(media_folder) == ledger_keys("expected", "present", "doomed") == set()


def test_attach_of_an_asset_that_the_purge_has_dropped_is_not_found__U16(article: Article):
    asset = ready()
    attach(article, "cover", asset)
    detach(article, "cover")
    purge(asset.pk)
    with pytest.raises(RequestRefused) as refusal:
        attach(article, "cover", asset)
    assert refusal.value.code == "asset_not_found"


def test_attach_and_purge_let_go_together_end_in_one_of_two_worlds__U16(
    article: Article, other: Article, media_folder: Path
):
    for _ in range(5):
        asset = ready()
        attach(article, "cover", asset)
        detach(article, "cover")
        answers = at_once(partial(purge, asset.pk), partial(attach, other, "cover", asset))
        attached_now = isinstance(answers[1], Attachment)
        assert Asset.objects.filter(pk=asset.pk).exists() is attached_now
        assert len(files_in(media_folder)) == (4 if attached_now else 0)
        detach(other, "cover")
        drain_jobs()
        assert files_in(media_folder) == set()


def test_of_two_who_detach_one_gets_nothing_and_one_purge_is_queued__U15(article: Article):
    asset = asset_in("ready")
    attach(article, "cover", asset)
    with transaction.atomic():
        assert detach(article, "cover") == 1
        somebody = Somebody(lambda: detach(article, "cover"))
        wait_until_blocked()
    assert somebody.answer() == 0
    assert purges() == [str(asset.pk)]


def test_owners_of_one_asset_deleted_together_leave_one_purge_and_nothing_else__U17(
    article: Article, other: Article, media_folder: Path
):
    shared = ready()
    attach(article, "cover", shared)
    attach(other, "cover", shared)
    with transaction.atomic():
        Article.objects.get(pk=article.pk).delete()
        somebody = Somebody(Article.objects.get(pk=other.pk).delete)
        wait_until_blocked()
        assert purges() == []  # the other owner still has it
    somebody.answer()
    assert purges() == [str(shared.pk)]
    drain_jobs()
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


def test_owners_that_share_many_assets_never_deadlock__U17(article: Article, other: Article):
    assets = [asset_in("ready") for _ in range(3)]
    for each in assets:
        article.photos.add(each)
    for each in reversed(assets):
        other.photos.add(each)
    answers = at_once(*(Article.objects.get(pk=each.pk).delete for each in (article, other)))
    assert [answer[0] for answer in answers] == [1, 1]
    assert sorted(purges()) == sorted(str(each.pk) for each in assets)
    assert not Attachment.objects.exists()


def test_nothing_is_attached_to_an_owner_that_is_deleted_meanwhile(article: Article):
    asset = asset_in("ready")
    with transaction.atomic():
        Article.objects.get(pk=article.pk).delete()
        somebody = Somebody(lambda: attach(article, "cover", asset))
        wait_until_blocked()
    assert code_of(somebody.answer()) == "owner_unsaved"
    assert not Attachment.objects.exists()
