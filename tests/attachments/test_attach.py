"""Attach, replace, detach, reorder: what is in a slot, and what is purged for no longer being."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from rindle_django import attach, attached, attachments_of, detach
from rindle_django.models import Attachment
from tests.app.models import Article, Member
from tests.kit import fresh, queued_jobs, ready, refused, rolled_back
from tests.rows import asset_in

pytestmark = pytest.mark.django_db(transaction=True)


def purges() -> list[str]:
    return [arguments["asset_id"] for arguments in queued_jobs("rindle:purge_storage")]


def test_an_attached_asset_is_found_in_its_slot(article: Article):
    asset = asset_in("ready")
    row = attach(article, "cover", asset)
    found = attached(article, "cover")
    assert found is not None
    assert (found.pk, found.asset_id, found.slot, found.position) == (row.pk, asset.pk, "cover", 0)
    assert attached(article, "banner") is None


def test_an_asset_can_be_named_by_its_id(article: Article):
    asset = asset_in("ready")
    assert attach(article, "cover", asset.pk).asset_id == asset.pk
    assert attach(article, "cover", str(asset.pk)).asset_id == asset.pk
    assert Attachment.objects.count() == 1


def test_attaching_what_is_there_already_changes_and_purges_nothing(article: Article):
    asset = asset_in("ready")
    first, second = attach(article, "cover", asset), attach(article, "cover", asset)
    assert first.pk == second.pk
    assert purges() == []
    assert fresh(asset).purge_requested_at is None


def test_adding_a_photo_twice_to_a_slot_for_several_keeps_one(article: Article):
    asset = asset_in("ready")
    assert article.photos.add(asset).pk == article.photos.add(asset).pk
    assert article.photos.all().count() == 1


def test_replacing_purges_the_former_asset_only(article: Article):
    former, latter = asset_in("ready"), asset_in("ready")
    attach(article, "cover", former)
    attach(article, "cover", latter)
    assert [row.asset_id for row in attachments_of(article)] == [latter.pk]
    assert purges() == [str(former.pk)]


def test_replacing_keeps_an_asset_that_is_attached_elsewhere(article: Article, other: Article):
    shared = asset_in("ready")
    attach(article, "cover", shared)
    attach(other, "cover", shared)
    attach(article, "cover", asset_in("ready"))
    assert purges() == []


def test_an_asset_in_two_slots_of_one_owner_survives_losing_one(article: Article):
    asset = asset_in("ready")
    attach(article, "cover", asset)
    attach(article, "banner", asset)
    assert detach(article, "cover") == 1
    assert purges() == []
    assert detach(article, "banner") == 1
    assert purges() == [str(asset.pk)]


def test_detaching_twice_is_the_same_as_once(article: Article):
    attach(article, "cover", asset_in("ready"))
    assert [detach(article, "cover"), detach(article, "cover")] == [1, 0]
    assert len(purges()) == 1


def test_one_photo_can_be_taken_out_of_several(article: Article):
    first, second = asset_in("ready"), asset_in("ready")
    article.photos.add(first)
    article.photos.add(second)
    assert detach(article, "photos", first) == 1
    assert [row.asset_id for row in article.photos.all()] == [second.pk]
    assert purges() == [str(first.pk)]


def test_a_slot_for_several_keeps_the_order_of_adding(article: Article):
    assets = [asset_in("ready") for _ in range(3)]
    for asset in assets:
        article.photos.add(asset)
    assert [row.asset_id for row in article.photos.all()] == [asset.pk for asset in assets]


def test_photos_can_be_put_into_another_order(article: Article):
    assets = [asset_in("ready") for _ in range(3)]
    for asset in assets:
        article.photos.add(asset)
    article.photos.reorder([assets[2], assets[0].pk, str(assets[1].pk)])
    assert [row.asset_id for row in article.photos.all()] == [
        assets[2].pk,
        assets[0].pk,
        assets[1].pk,
    ]
    assert [row.position for row in article.photos.all()] == [0, 1, 2]
    assert purges() == []


def test_an_order_that_names_other_photos_is_refused_and_changes_nothing(article: Article):
    first, second = asset_in("ready"), asset_in("ready")
    article.photos.add(first)
    article.photos.add(second)
    for wrong in ([first], [first, first], [first, second, asset_in("ready")]):
        with refused("asset_not_found"):
            article.photos.reorder(wrong)
    assert [row.asset_id for row in article.photos.all()] == [first.pk, second.pk]


def test_a_photo_can_be_added_after_one_was_taken_out(article: Article):
    assets = [asset_in("ready") for _ in range(3)]
    for asset in assets[:2]:
        article.photos.add(asset)
    article.photos.remove(assets[0])
    article.photos.add(assets[2])
    assert [row.asset_id for row in article.photos.all()] == [assets[1].pk, assets[2].pk]


def test_a_full_slot_takes_no_more(article: Article):
    for _ in range(3):
        article.photos.add(asset_in("ready"))
    with refused("slot_full"):
        article.photos.add(asset_in("ready"))
    assert article.photos.all().count() == 3


@pytest.mark.parametrize("state", ["staged", "quarantined", "deleted"])
def test_attach_refuses_what_is_not_verified_or_no_longer_there__U15(article: Article, state: str):
    with refused("asset_not_attachable"):
        attach(article, "cover", asset_in(state))
    assert attached(article, "cover") is None


@pytest.mark.parametrize("state", ["validating", "analyzing", "promoting", "processing", "ready"])
def test_a_form_can_attach_before_processing_is_over(article: Article, state: str):
    assert attach(article, "cover", asset_in(state)).asset.state == state


def test_an_asset_of_another_profile_is_refused(article: Article):
    with refused("slot_profile_mismatch"):
        attach(article, "cover", asset_in("ready", profile="plain"))


def test_an_asset_that_never_was_is_not_found(article: Article):
    with refused("asset_not_found"):
        attach(article, "cover", "6f2b4c1e-0000-4000-8000-000000000000")


def test_a_foreign_asset_looks_like_one_that_is_not_there(article: Article):
    alice, bob = (User.objects.create(username=name) for name in ("alice", "bob"))
    asset = asset_in("ready", actor=f"auth.user:{alice.pk}")
    with refused("asset_not_found"):
        attach(article, "cover", asset, actor=bob)
    assert attach(article, "cover", asset, actor=alice).asset_id == asset.pk


@pytest.mark.parametrize("model", [Article, Member])
def test_an_unsaved_owner_is_refused_even_if_it_has_a_key_already(model: Any):
    with refused("owner_unsaved"):
        attach(model(), "cover", asset_in("ready"))
    with refused("owner_unsaved"):
        detach(model(), "cover")


def test_moving_an_asset_before_its_purge_runs_keeps_it(article: Article, other: Article):
    asset = asset_in("ready")
    attach(article, "cover", asset)
    detach(article, "cover")
    attach(other, "cover", asset)
    from rindle_django.testing import drain_jobs

    drain_jobs()
    assert fresh(asset).state == "ready"
    assert attached(other, "cover") is not None


def test_a_rolled_back_detach_leaves_the_attachment_and_no_job(article: Article):
    asset = asset_in("ready")
    attach(article, "cover", asset)
    with rolled_back():
        detach(article, "cover")
    assert attached(article, "cover") is not None
    assert purges() == []
    assert fresh(asset).purge_requested_at is None


def test_a_refused_replacement_leaves_the_former_in_its_place(article: Article):
    former = asset_in("ready")
    attach(article, "cover", former)
    with refused("asset_not_attachable"):
        attach(article, "cover", asset_in("quarantined"))
    found = attached(article, "cover")
    assert found is not None
    assert found.asset_id == former.pk
    assert purges() == []


def test_a_slot_cannot_be_filled_by_assignment(article: Article):
    with pytest.raises(AttributeError, match="attach"):
        article.cover = asset_in("ready")


def test_a_slot_that_the_owner_does_not_declare_is_refused():
    asset = ready()
    with refused("unknown_slot"):
        attach(Article.objects.create(), "covr", asset)


def test_an_owner_that_declares_no_slots_may_use_any_name():
    asset, group = ready(), Group.objects.create(name="editors")
    assert attach(group, "badge", asset).slot == "badge"
