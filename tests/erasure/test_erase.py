"""Erasing owners: what goes, what stays, and that before and after say the same."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from rindle_django import attach, attached
from rindle_django.lifecycle import caused_by
from rindle_django.models import Asset, Attachment, Erasure, StoredObject, Transition
from rindle_django.operations.erasure import erase, erase_owner, erase_owners, preview_erasure
from rindle_django.operations.receipts import receipts
from rindle_django.purge import purge
from rindle_django.testing import drain_jobs
from tests.app.models import Article, Member, Tag
from tests.erasure.owners import counts, entries, owner_with, photo
from tests.kit import arrive, edges, files_in, fresh, picture, promise, queued_jobs, refused
from tests.rows import asset_in, variant_in
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)


def everything() -> list[Any]:
    tables: tuple[Any, ...] = (Asset, Attachment, StoredObject, Transition, Erasure, ContentType)
    return [*(list(model.objects.order_by("pk").values()) for model in tables), queued_jobs()]


def test_what_only_the_owner_has_goes_and_what_others_have_stays(media_folder: Path):
    own, shared = photo(), photo()
    article, member = owner_with(Article, own, shared), owner_with(Member, shared)
    report = erase_owner(article)
    assert report.mode == "execute"
    assert counts(report) == (2, 1, 1)
    (kept,) = report.retained_shared_assets.entries
    assert kept == {
        "asset_id": str(shared.pk),
        "profile": "photo",
        "surviving_attachment_count": 1,
    }
    assert {entry["slot"] for entry in report.attachments_to_detach.entries} == {"cover", "banner"}
    assert fresh(own).state == "deleted"
    drain_jobs()
    assert not Asset.objects.filter(pk=own.pk).exists()
    assert attached(member, "cover") is not None
    assert files_in(media_folder) == set(
        StoredObject.objects.filter(asset=shared, state="present").values_list("key", flat=True)
    )


def test_before_and_after_say_the_same_and_before_writes_nothing():
    own, shared = photo(), photo()
    article = owner_with(Article, own, shared)
    owner_with(Member, shared)
    before = everything()
    preview = preview_erasure([article])
    assert everything() == before
    assert preview.mode == "preview"
    report = erase_owner(article)
    assert entries(preview) == entries(report)
    assert counts(preview) == counts(report) == (2, 1, 1)


def test_a_repetition_reports_nothing_and_tells_how_far_the_storage_is():
    article = owner_with(Article, photo())
    first = erase_owner(article)
    assert (first.objects_gone, first.objects_waiting) == (1, 4)  # its upload is gone already
    again = erase_owner(article)
    assert counts(again) == (0, 0, 0)
    assert again.objects_waiting == 4
    drain_jobs()
    last = erase_owner(article)
    assert (last.objects_gone, last.objects_waiting) == (5, 0)
    assert counts(last) == (0, 0, 0)


def test_the_receipts_prove_it__C3_3():
    asset = photo()
    article = owner_with(Article, asset)
    erase_owner(article)
    drain_jobs()
    row = Erasure.objects.get()
    assert row.assets == [str(asset.pk)]
    shown = [receipt for each in row.assets for receipt in receipts(asset=each)]
    assert {receipt.purpose for receipt in shown} == {"staging", "original", "variant"}


def test_a_storage_that_balks_keeps_it_open__C3_3(sky: Sky):
    article = owner_with(Article, photo())
    sky.break_down("delete")
    erase_owner(article)
    drain_jobs()
    assert preview_erasure([article]).objects_waiting == 4
    sky.clear_up()
    drain_jobs(early=True)
    StoredObject.objects.filter(state="doomed").update(wake_at=None)
    for asset_id in Erasure.objects.get().assets:
        purge(asset_id)
    assert preview_erasure([article]).objects_waiting == 0


def test_who_had_what_erased_is_on_record__C3_9():
    article = owner_with(Article, photo())
    with caused_by(command="rindle_erase_owner"):
        erase_owner(article)
    row = Erasure.objects.get()
    assert (row.owner, row.attachments, row.retained) == (f"app.article:{article.pk}", 1, 0)
    assert row.cause == {"command": "rindle_erase_owner"}
    step = Transition.objects.get(subject="asset", to_state="deleted")
    assert step.cause == {"command": "rindle_erase_owner", "erasure": row.pk}
    assert step.reason_code == "owner_erased"


def test_several_slots_of_one_owner_on_one_asset_are_one_asset():
    asset, article = photo(), Article.objects.create()
    for slot in ("cover", "banner", "photos"):
        attach(article, slot, asset)
    preview = preview_erasure([article])
    assert counts(preview) == (3, 1, 0)
    assert entries(erase_owner(article)) == entries(preview)


@pytest.mark.parametrize("model", [Article, Member, Tag])
def test_owners_of_every_sort_of_key__C3_8(model: Any):
    owner = owner_with(model, photo(), key="a-tag" if model is Tag else None)
    report = erase_owner(f"app.{model.__name__}:{owner.pk}")
    assert counts(report) == (1, 1, 0)
    assert not Attachment.objects.exists()


def test_an_owner_whose_row_is_gone_is_erased_by_its_name():
    asset, member = photo(), Member.objects.create()
    attach(member, "avatar", asset)
    name = f"app.member:{member.pk}"
    Member.objects.filter(pk=member.pk)._raw_delete("default")
    assert counts(erase_owner(name)) == (1, 1, 0)
    assert counts(erase_owner(name)) == (0, 0, 0)
    assert erase_owner(name.upper().replace("APP.MEMBER", "app.Member")).owners[0].owner == name


def test_an_owner_whose_model_is_gone_is_erased_by_its_name__C3_8():
    member = owner_with(Member, photo())
    ContentType.objects.filter(app_label="app", model="member").update(model="former")
    assert counts(erase_owner(f"app.former:{member.pk}")) == (1, 1, 0)
    ContentType.objects.filter(model="former").update(model="member")


@pytest.mark.parametrize("name", ["app.article:7", f"app.member:{uuid.uuid4()}", "app.tag:x"])
def test_an_owner_that_never_was_does_not_read_as_erased__C1_9(name: str):
    with refused("unknown_owner"):
        erase_owner(name)
    report = preview_erasure([name])
    assert [failure.code for failure in report.failed] == ["unknown_owner"]
    assert report.owners == []
    assert not Erasure.objects.exists()


def test_an_owner_without_media_is_known_and_has_nothing__C1_9():
    assert counts(erase_owner(Article.objects.create())) == (0, 0, 0)
    assert counts(erase_owner(f"app.article:{Article.objects.create().pk}")) == (0, 0, 0)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "article:1",
        "app.article",
        "app.article:",
        "app.article:x",
        "app.member:7",
        "app.nothing:1",
        "nowhere.article:1",
        "a.b.c:1",
        "app.tag:\x00",
        "app.tag:\udc80",
        None,
    ],
    ids=repr,
)
def test_a_malformed_owner_is_refused_before_anything_is_done__C3_10(name: Any):
    article = owner_with(Article, photo())
    for act in (lambda: erase_owner(name), lambda: erase_owners([article, name])):
        with refused("owner_invalid"):
            act()
    with refused("owner_invalid"):
        preview_erasure([article, name])
    assert Attachment.objects.count() == 1


def test_an_owner_that_was_not_saved_is_refused():
    with refused("owner_unsaved"):
        erase_owner(Article())


# --- batches --------------------------------------------------------------------------------------


def test_what_two_owners_of_a_batch_share_is_in_one_bucket_before_and_after__C3_5():
    shared, outside = photo(), photo()
    article = owner_with(Article, shared, outside)
    member = owner_with(Member, shared, outside)
    keeper = owner_with(Tag, outside)
    preview = preview_erasure([article, member])
    assert counts(preview) == (4, 1, 1)
    report = erase_owners([article, member])
    assert entries(report) == entries(preview)
    assert [counts(each) for each in report.owners] == [(2, 0, 0), (2, 1, 1)]
    assert [counts(each) for each in preview.owners] == [(2, 0, 0), (2, 1, 1)]
    assert attached(keeper, "cover") is not None


def test_the_same_owner_twice_is_one():
    article = owner_with(Article, photo())
    report = erase_owners([article, f"app.Article:{article.pk}", article])
    assert len(report.owners) == 1


def test_no_owners_and_too_many_are_refused():
    with refused("request_invalid"):
        erase_owners([])
    articles = [Article.objects.create() for _ in range(3)]
    with refused("too_many_owners"):
        erase_owners(articles, max_owners=2)
    assert len(erase_owners(articles, max_owners=3).owners) == 3


def test_one_that_fails_stops_nobody_and_a_repetition_does_the_rest__C3_6(
    monkeypatch: pytest.MonkeyPatch,
):
    owners = [owner_with(Article, photo()) for _ in range(3)]
    detach = erase._detach

    def stumble(owner: Any, *rest: Any) -> Any:
        done = detach(owner, *rest)
        if owner.key == str(owners[1].pk):
            raise DatabaseError("deadlock detected")
        return done

    monkeypatch.setattr(erase, "_detach", stumble)
    report = erase_owners(owners)
    assert [each.owner for each in report.owners] == [
        f"app.article:{owners[0].pk}",
        f"app.article:{owners[2].pk}",
    ]
    (failure,) = report.failed
    assert (failure.owner, failure.code) == (f"app.article:{owners[1].pk}", "unexpected")
    assert attached(owners[1], "cover") is not None
    monkeypatch.undo()
    assert counts(erase_owners(owners)) == (1, 1, 0)
    assert not Attachment.objects.exists()


def test_an_unknown_one_in_a_batch_is_named_and_the_others_are_erased__C1_9():
    article = owner_with(Article, photo())
    report = erase_owners(["app.article:999999", article])
    assert [failure.code for failure in report.failed] == ["unknown_owner"]
    assert counts(report) == (1, 1, 0)


# --- large owners ---------------------------------------------------------------------------------


def test_an_owner_of_many_is_erased_in_bounded_transactions__C3_7(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(erase, "BATCH", 2)
    assets = [arrive(picture(20 + number, 20), profile="plain") for number in range(5)]
    drain_jobs()
    for number, asset in enumerate(assets):
        for slot in ("one", "two"):
            attach_anywhere(asset, "7", f"{slot}{number}")
    preview = preview_erasure(["app.article:7"])
    report = erase_owners(["app.article:7"])
    assert counts(report) == counts(preview) == (10, 5, 0)
    assert Erasure.objects.count() >= 3
    assert max(len(row.assets) for row in Erasure.objects.all()) <= 2
    assert sorted(each for row in Erasure.objects.all() for each in row.assets) == sorted(
        str(asset.pk) for asset in assets
    )


def attach_anywhere(asset: Asset, key: str, slot: str) -> Attachment:
    return Attachment.objects.create(
        asset=asset, owner_type=ContentType.objects.get_for_model(Article), owner_id=key, slot=slot
    )


@pytest.mark.bare_rows
def test_what_is_shown_is_bounded_and_what_is_counted_is_not__C3_7():
    for number in range(120):
        attach_anywhere(asset_in("ready"), "7", f"slot {number}")
    report = preview_erasure(["app.article:7"])
    assert counts(report) == (120, 120, 0)
    assert len(report.attachments_to_detach.entries) == 100
    assert len(report.owners[0].assets_to_purge.entries) == 100


@pytest.mark.bare_rows
def test_an_asset_more_is_no_statement_more__C3_7():
    asked = []
    for owner, count in (("7", 3), ("8", 40)):
        for number in range(count):
            asset = variant_in("failed", asset=asset_in("ready")).asset
            attach_anywhere(asset, owner, f"slot {number}")
        with CaptureQueriesContext(connection) as queries:
            assert counts(erase_owner(f"app.article:{owner}")) == (count, count, 0)
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_one_that_is_broken_off_is_gone_on_with(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(erase, "BATCH", 1)
    article = owner_with(Article, photo(), photo())
    some, calls = erase._detach_some, []

    def killed(*arguments: Any) -> bool:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return some(*arguments)

    monkeypatch.setattr(erase, "_detach_some", killed)
    with pytest.raises(KeyboardInterrupt):
        erase_owner(article)
    assert Attachment.objects.count() == 1
    assert counts(erase_owner(article)) == (1, 1, 0)
    assert Erasure.objects.count() == 2


# --- uploads --------------------------------------------------------------------------------------


def test_uploads_that_nothing_is_attached_to_stay_unless_asked_for__C3_4():
    member = owner_with(Member)
    loose, open_upload = photo(actor=member), promise(actor=member)
    taken = photo(actor=member)
    keeper = owner_with(Article, taken)
    kept = erase_owner(member)
    assert (kept.uploads_kept, kept.uploads_to_discard.count) == (2, 0)
    assert fresh(loose).state == "ready"
    preview = preview_erasure([member], uploads=True)
    report = erase_owner(member, uploads=True)
    assert report.uploads_kept == 0
    for each in (preview, report):
        assert {entry["asset_id"] for entry in each.uploads_to_discard.entries} == {
            str(loose.pk),
            open_upload.asset_id,
        }
    assert fresh(loose).state == "deleted"
    assert attached(keeper, "cover") is not None
    assert erase_owner(member, uploads=True).uploads_to_discard.count == 0


def test_an_upload_under_way_is_taken_along__C3_4():
    member = Member.objects.create()
    asset = arrive(picture(), actor=member)
    erase_owner(member, uploads=True)
    drain_jobs()
    assert edges(asset)[-1].endswith(">deleted")


def test_who_only_uploaded_is_known__C1_9():
    asset = photo(actor="app.member:1b4e28ba-2fa1-41d2-883f-0016d3cca427")
    report = erase_owner("app.member:1b4e28ba-2fa1-41d2-883f-0016d3cca427", uploads=True)
    assert [entry["asset_id"] for entry in report.uploads_to_discard.entries] == [str(asset.pk)]
