"""The admin's pages: what they show, at what cost, and that nothing can be changed by hand."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from rindle_django import attach, ledger
from rindle_django.lifecycle import locked, transition as move
from rindle_django.models import (
    Asset,
    Attachment,
    Batch,
    FailedVariant,
    ProcessingRun,
    Sighting,
    StoredObject,
    Transition,
    UploadSession,
    Variant,
)
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.kit import arrive, fresh, picture, promise, queued_jobs, ready
from tests.rows import asset_in, variant_in
from tests.stock import stock
from tests.storms import Sky, sky

__all__ = ["sky"]

pytestmark = pytest.mark.django_db
MODELS = (
    Asset,
    Attachment,
    Batch,
    FailedVariant,
    ProcessingRun,
    Sighting,
    StoredObject,
    Transition,
    UploadSession,
    Variant,
)


def page(model: Any, what: str = "changelist", row: Any = None) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}"
    return reverse(name, args=[row.pk] if row is not None else [])


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password="x")


@pytest.fixture
def site(boss: User) -> Client:
    client = Client()
    client.force_login(boss)
    return client


def staff(*permissions: str) -> Client:
    """A member of staff who may view variants, and whatever else is said."""
    user = User.objects.create_user("helper", is_staff=True)
    names = ("view_variant", "view_failedvariant", "view_asset", *permissions)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    assert user.user_permissions.count() == len(names)
    client = Client()
    client.force_login(user)
    return client


def busy(count: int) -> None:
    """``count`` rows and more for every page."""
    for number, asset in enumerate(stock(count)):
        article = Article.objects.create(title=f"Article {number}")
        attach(article, "cover", asset)
        variant_in("failed", asset=asset, name="poster", reason_code="decoder_timeout")
        promise()
        ProcessingRun.objects.create(
            asset_id=asset.pk, variant_id=asset.pk, variant_name="thumb", attempt=1, fence=number
        )
        Batch.objects.create(verb="requeue", model="variant", as_of=now())
        Sighting.objects.create(
            storage="default", key=uuid4().hex, finding="orphan", first_run=1, last_run=count
        )
        with locked(asset.pk) as current:
            move(current, "processing")


def cost(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
    assert response.status_code == 200
    return len(captured)


# --- cost --------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_list_of_25_costs_as_many_queries_as_one_of_5__U23(model: Any, site: Client, sky: Sky):
    busy(5)
    site.get(page(model))
    few = cost(site, page(model))
    busy(20)
    assert model._default_manager.count() >= 25
    assert cost(site, page(model)) == few <= 12
    assert not sky.calls


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_detail_page_costs_the_same_however_much_there_is(model: Any, site: Client, sky: Sky):
    busy(5)
    row = model._default_manager.first()
    site.get(page(model, "change", row))
    few = cost(site, page(model, "change", row))
    busy(20)
    assert cost(site, page(model, "change", row)) == few <= 25
    assert not sky.calls


def test_an_asset_with_many_variants_and_a_long_history_costs_no_more(site: Client):
    (small,) = stock(1, names=("thumb",))
    (large,) = stock(1, names=[f"v{number}" for number in range(20)])
    for asset in (small, large):
        with locked(asset.pk) as current:
            move(current, "processing")
    site.get(page(Asset, "change", small))
    few = cost(site, page(Asset, "change", small))
    assert cost(site, page(Asset, "change", large)) == few


# --- what is shown -----------------------------------------------------------------------------


def test_the_page_of_failed_variants_says_why_and_how_often(site: Client):
    asset = asset_in("degraded")
    variant_in(
        "failed",
        asset=asset,
        name="thumb",
        reason_code="decoder_timeout",
        reason="The image took longer than 30 s to decode.",
        attempts=5,
        max_attempts=5,
    )
    variant_in("ready", asset=asset, name="medium")
    shown = site.get(page(FailedVariant)).content.decode()
    assert "decoder_timeout" in shown
    assert "The image took longer than 30 s to decode." in shown
    assert "5 / 5" in shown
    assert "photo" in shown
    assert "medium" not in shown


def test_an_assets_page_tells_its_whole_story(site: Client):
    asset = asset_in("promoting")
    with locked(asset.pk) as current:
        move(current, "quarantined", reason_code="scanner_refused", reason="Eicar")
    shown = site.get(page(Asset, "change", asset)).content.decode()
    assert "It was quarantined (scanner_refused)" in shown
    assert "quarantined" in shown
    assert "scanner_refused" in shown


@pytest.mark.parametrize("state", ["staged", "validating", "quarantined", "deleted", "degraded"])
def test_pages_work_for_an_asset_in_any_state(state: str, site: Client):
    (asset,) = stock(1, state=state)
    for address in (page(Asset), page(Asset, "change", asset), page(Variant)):
        assert site.get(address).status_code == 200


def test_a_quarantined_assets_bytes_are_not_linked_to(site: Client):
    (asset,) = stock(1)
    for address in (page(Asset), page(Asset, "change", asset)):
        assert "/rindle/media/" in site.get(address).content.decode()
    Asset.objects.filter(pk=asset.pk).update(state="quarantined")
    for address in (
        page(Asset),
        page(Asset, "change", asset),
        page(Variant, "change", asset.variants.get(name="thumb")),
    ):
        assert "/rindle/media/" not in site.get(address).content.decode()


def test_pictures_ask_the_authorizer_in_the_viewers_name(site: Client, boss: User):
    (asset,) = stock(1, profile="guarded", names=("thumb",))
    assert "/rindle/media/" not in site.get(page(Asset)).content.decode()
    Asset.objects.filter(pk=asset.pk).update(actor=str(boss))
    assert "/rindle/media/" in site.get(page(Asset)).content.decode()


def test_an_asset_of_a_profile_that_is_gone_can_still_be_looked_at(site: Client):
    asset = asset_in("ready", profile="gone since")
    assert site.get(page(Asset)).status_code == 200
    assert site.get(page(Asset, "change", asset)).status_code == 200


def test_names_are_text_and_never_markup(site: Client):
    stock(1)
    Asset.objects.update(filename="<script>alert(1)</script>.jpg")
    assert b"<script>alert" not in site.get(page(Asset)).content
    assert b"<script>alert" not in site.get(page(Variant)).content


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_filters_and_search_work(model: Any, site: Client):
    busy(2)
    row = model._default_manager.first()
    for query in (f"?q={row.pk}", "?q=nonsense", "?state=ready", "?profile=photo", "?o=1"):
        answer = site.get(page(model) + query, follow=True)
        assert answer.status_code == 200


def test_the_receipt_of_an_asset_that_is_gone_is_found_by_its_id(site: Client):
    asset, gone = asset_in("ready"), asset_in("ready")
    for each in (asset, gone):
        ledger.expect(each, "variant", settles_in=0)
    Asset.objects.filter(pk=gone.pk).delete()
    answer = site.get(page(StoredObject), {"q": str(gone.pk)})
    assert [row.asset_id for row in answer.context["cl"].result_list] == [gone.pk]


# --- what can be done --------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_nothing_is_added_changed_or_deleted_by_hand(model: Any, site: Client):
    busy(1)
    row = model._default_manager.first()
    assert site.get(page(model, "add")).status_code == 403
    assert site.get(page(model, "delete", row)).status_code == 403
    assert site.post(page(model, "delete", row), {"post": "yes"}).status_code == 403
    assert site.post(page(model, "change", row), {"state": "ready"}).status_code == 403
    shown = site.get(page(model)).content.decode()
    assert "delete_selected" not in shown
    assert model._default_manager.filter(pk=row.pk).exists()


def degraded(storm: Sky) -> Asset:
    asset = arrive(picture())
    storm.break_down("put_file")
    drain_jobs(early=True)
    storm.clear_up()
    assert fresh(asset).state == "degraded"
    return asset


def requeue(client: Client, *variants: Variant, model: Any = FailedVariant) -> Any:
    ticked = {"action": "requeue", "_selected_action": [str(each.pk) for each in variants]}
    client.post(page(model), ticked)  # shows what would change
    return client.post(page(model), ticked | {"confirmed": "yes"}, follow=True)


@pytest.mark.django_db(transaction=True)
def test_requeueing_goes_by_the_public_verb(site: Client, boss: User, sky: Sky):
    asset = degraded(sky)
    answer = requeue(site, *asset.variants.all())
    assert "Requeue: 3 variants." in answer.content.decode()
    assert len(queued_jobs("rindle:process_variant")) == 1
    requeued = Transition.objects.filter(subject="variant", from_state="failed", to_state="queued")
    ordered = {"user": str(boss.pk), "surface": "admin", "repair": "requeue"}
    assert [each.cause for each in requeued] == [ordered] * 3
    drain_jobs()
    assert fresh(asset).state == "ready"
    assert not FailedVariant.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_one_variant_can_be_requeued_alone(site: Client, sky: Sky):
    asset = degraded(sky)
    requeue(site, asset.variants.get(name="thumb"))
    assert [each["variant_name"] for each in queued_jobs("rindle:process_variant")] == ["thumb"]


@pytest.mark.django_db(transaction=True)
def test_who_may_only_look_neither_sees_nor_can_do_it(sky: Sky):
    asset = degraded(sky)
    onlooker = staff()
    assert 'value="requeue"' not in onlooker.get(page(FailedVariant)).content.decode()
    requeue(onlooker, *asset.variants.all())
    assert set(asset.variants.values_list("state", flat=True)) == {"failed"}
    assert queued_jobs("rindle:process_variant") == []


@pytest.mark.django_db(transaction=True)
def test_the_permission_to_requeue_is_enough(sky: Sky):
    asset = degraded(sky)
    operator = staff("requeue_variant")
    assert 'value="requeue"' in operator.get(page(FailedVariant)).content.decode()
    requeue(operator, *asset.variants.all())
    assert set(asset.variants.values_list("state", flat=True)) == {"queued"}
    assert len(queued_jobs("rindle:process_variant")) == 1


@pytest.mark.django_db(transaction=True)
def test_requeueing_what_is_fine_says_so_and_changes_nothing(site: Client):
    asset = ready()
    answer = requeue(site, asset.variants.get(name="thumb"), model=Variant)
    assert "A variant that is ready cannot be requeued." in answer.content.decode()
    assert queued_jobs("rindle:process_variant") == []


@pytest.mark.django_db(transaction=True)
def test_variants_of_a_quarantined_asset_are_not_requeued(site: Client, sky: Sky):
    asset = degraded(sky)
    Asset.objects.filter(pk=asset.pk).update(state="quarantined")
    answer = requeue(site, *asset.variants.all())
    assert "quarantined" in answer.content.decode()
    assert queued_jobs("rindle:process_variant") == []


@pytest.mark.django_db(transaction=True)
def test_a_forged_request_is_refused(boss: User, sky: Sky):
    asset = degraded(sky)
    client = Client(enforce_csrf_checks=True)
    client.force_login(boss)
    assert requeue(client, *asset.variants.all()).status_code == 403
    assert queued_jobs("rindle:process_variant") == []


def test_strangers_are_sent_to_the_login():
    for model in MODELS:
        answer = Client().get(page(model))
        assert answer.status_code == 302
        assert "login" in answer.headers["Location"]


def test_staff_without_the_permission_to_view_sees_nothing():
    user = User.objects.create_user("temp", is_staff=True)
    client = Client()
    client.force_login(user)
    assert all(client.get(page(model)).status_code == 403 for model in MODELS)
