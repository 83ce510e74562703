"""What the columns take and refuse, whatever the code above them does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.db.models.functions import Now
from django.utils import timezone

from rindle_django import attach, initiate_upload, ledger, sign_upload
from rindle_django.lifecycle import transition
from rindle_django.models import (
    Asset,
    Attachment,
    ProcessingRun,
    StoredObject,
    Transition,
    UploadSession,
    Variant,
)
from tests.app.models import Article, Member, Tag
from tests.rows import asset_in, newborn, object_in, session_in, variant_in

pytestmark = pytest.mark.django_db


def refused(action: Any) -> str:
    """The name of the constraint that refuses ``action``."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        action()
    diagnosis = getattr(refusal.value.__cause__, "diag", None)
    assert diagnosis is not None
    return str(diagnosis.constraint_name)


def test_an_asset_has_no_negative_size():
    asset = newborn("asset")
    rows = Asset.objects.filter(pk=asset.pk)
    assert refused(lambda: rows.update(byte_size=-1)) == "rindle_asset_byte_size"
    assert rows.update(byte_size=0) == 1


def test_an_upload_of_nothing_is_not_promised():
    session = newborn("session")
    rows = UploadSession.objects.filter(pk=session.pk)
    assert refused(lambda: rows.update(byte_size=0)) == "rindle_session_byte_size"
    assert rows.update(byte_size=None) == 1


def test_an_object_has_a_known_purpose():
    rows = StoredObject.objects.filter(pk=newborn("object").pk)
    assert refused(lambda: rows.update(purpose="souvenir")) == "rindle_object_purpose"


def test_a_key_is_used_once_in_a_storage():
    one, other = object_in("gone"), object_in("expected")
    rows = StoredObject.objects.filter(pk=other.pk)
    assert refused(lambda: rows.update(key=one.key)) == "rindle_object_key"
    assert rows.update(key=one.key, storage="public") == 1


def test_every_key_is_new_even_for_the_same_asset_and_purpose__W1_8():
    asset = asset_in("available")
    keys = {ledger.expect(asset, "variant", settles_in=0).key for _ in range(50)}
    assert len(keys) == 50
    assert all(str(asset.pk) in key for key in keys)


def test_a_variant_is_not_ready_without_an_object():
    variant = variant_in("processing")
    rows = Variant.objects.filter(pk=variant.pk)
    assert refused(lambda: rows.update(state="ready")) == "rindle_variant_ready_has_object"
    assert rows.update(state="ready", object=newborn("object", asset=variant.asset)) == 1


def test_an_asset_has_one_variant_of_a_name__W1_14():
    asset = newborn("asset")
    newborn("variant", asset=asset)
    assert refused(lambda: newborn("variant", asset=asset)) == "rindle_variant_name"


def test_a_run_ends_in_a_known_way_and_a_fence_is_used_once():
    asset = newborn("asset")
    terms = {"asset_id": asset.pk, "variant_id": asset.pk, "variant_name": "a", "attempt": 1}
    ProcessingRun.objects.create(fence=1, **terms)
    assert refused(lambda: ProcessingRun.objects.create(fence=1, **terms)) == "rindle_run_fence"
    rows = ProcessingRun.objects.all()
    assert refused(lambda: rows.update(outcome="dunno")) == "rindle_run_outcome"


def test_a_place_in_a_slot_is_taken_once():
    article = Article.objects.create()
    row = attach(article, "cover", asset_in("ready"))
    twin = {
        "asset": asset_in("ready"),
        "owner_type": row.owner_type,
        "owner_id": row.owner_id,
        "slot": row.slot,
    }
    assert refused(lambda: Attachment.objects.create(**twin)) == "rindle_attachment_slot"


def test_an_attached_asset_cannot_be_deleted_with_its_attachment__W1_3():
    row = attach(Article.objects.create(), "cover", asset_in("ready"))
    with connection.cursor() as cursor:
        assert refused(
            lambda: cursor.execute(
                "DELETE FROM rindle_asset WHERE id = %s; SET CONSTRAINTS ALL IMMEDIATE",
                [row.asset_id],
            )
        )
    assert Attachment.objects.filter(pk=row.pk).exists()


def test_the_orm_takes_no_attachment_along_with_its_asset__W1_3():
    row = attach(Article.objects.create(), "cover", asset_in("ready"))
    with pytest.raises(models.ProtectedError):
        row.asset.delete()
    assert Attachment.objects.filter(pk=row.pk).exists()


def test_the_receipt_of_an_object_outlives_its_asset():
    stored = object_in("gone")
    Asset.objects.filter(pk=stored.asset_id).delete()
    assert StoredObject.objects.get(pk=stored.pk).state == "gone"


def test_lengths_beyond_two_gigabytes_are_kept__D5():
    large = 5 * 1024**4
    session, variant, stored = session_in("signed"), variant_in("queued"), object_in("expected")
    for row in (session, session.asset, variant, stored):
        type(row).objects.filter(pk=row.pk).update(byte_size=large)
        row.refresh_from_db()
        assert row.byte_size == large


def test_no_text_from_outside_meets_a_bounded_column__D6():
    bounded = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_app_config("rindle").get_models()
        for field in model._meta.local_fields
        if isinstance(field, models.CharField) and field.max_length is not None
    ]
    assert bounded == []


def test_every_foreign_key_is_the_beginning_of_an_index__D7():
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.conrelid::regclass::text, a.attname
            FROM pg_constraint c JOIN pg_attribute a
              ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
            WHERE c.contype = 'f' AND c.conrelid::regclass::text LIKE 'rindle\\_%'
              AND NOT EXISTS (SELECT FROM pg_index i
                              WHERE i.indrelid = c.conrelid AND i.indkey[0] = a.attnum)
            """
        )
        assert cursor.fetchall() == []


@pytest.mark.parametrize("owner", [Article, Member, Tag], ids=lambda owner: owner.__name__)
def test_an_owner_may_have_any_primary_key__D12(owner: type[models.Model]):
    someone = owner._default_manager.create()
    slot = {"Article": "cover", "Member": "avatar", "Tag": "icon"}[owner.__name__]
    row = attach(someone, slot, asset_in("ready"))
    assert row.owner_id == str(someone.pk)
    assert Attachment.objects.get(pk=row.pk).owner == someone


def test_a_bearer_secret_is_in_no_column__D13():
    """A ticket is computed from the session's id and a secret that the database does not hold."""
    ticket = initiate_upload(
        "photo", filename="a.jpg", content_type="image/jpeg", byte_size=5, actor="someone"
    )
    signed = sign_upload(ticket.ticket, actor="someone")
    with connection.cursor() as cursor:
        for table in ("rindle_uploadsession", "rindle_asset", "rindle_transition"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ''), '') FROM {table} t")
            written = cursor.fetchone()[0]
            assert ticket.ticket not in written
            assert signed.url.rsplit("/", 2)[-2] not in written


def test_times_are_the_databases_own(monkeypatch: pytest.MonkeyPatch):
    """A worker whose clock is wrong must not decide what has expired."""
    wrong = datetime(1999, 12, 31, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: wrong)
    asset = newborn("asset")
    assert transition(asset, "validating")
    just_now = Now() - timedelta(minutes=1)
    assert Asset.objects.filter(created_at__gt=just_now, updated_at__gt=just_now).count() == 1
    assert Transition.objects.get().at.year > 1999
