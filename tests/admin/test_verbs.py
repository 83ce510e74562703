"""What can be done to one asset from its page: who may, what is shown first, what is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from rindle_django import attach
from rindle_django.admin.verbs import VERBS
from rindle_django.models import Asset, Repair, Transition
from rindle_django.testing import drain_jobs
from tests.admin.office import page, staff, verb_page
from tests.app.models import Article
from tests.kit import arrive, fresh, picture, queued_jobs, ready, variant_states
from tests.rows import asset_in, variant_in
from tests.stock import stock

pytestmark = pytest.mark.django_db(transaction=True)


def asset_with(variant_state: str) -> Asset:
    asset = asset_in("processing")
    variant_in(variant_state, asset=asset, name="thumb")
    return asset


def mismeasured() -> Asset:
    asset = ready()
    Asset.objects.filter(pk=asset.pk).update(width=1)
    return asset


def refused_file() -> Asset:
    asset = arrive(b"a letter, not a photo")
    drain_jobs()
    assert fresh(asset).state == "quarantined"
    return asset


# A verb, and an asset that it changes.
CASES: dict[str, Callable[[], Asset]] = {
    "requeue": lambda: asset_with("failed"),
    "cancel": lambda: asset_with("queued"),
    "regenerate": lambda: asset_with("ready"),
    "reprobe": mismeasured,
    "unquarantine": refused_file,
    "discard": lambda: asset_with("ready"),
}


def case(verb: str) -> Asset:
    return CASES[verb]()


def causes(asset: Asset) -> list[dict[str, Any]]:
    """What history and audit name as the causes of what happened to it, in no order."""
    return [
        each
        for model in (Transition, Repair)
        for each in model.objects.filter(asset_id=asset.pk).values_list("cause", flat=True)
    ]


@pytest.fixture
def boss(admin_client: Client) -> Client:
    return admin_client


def shown(client: Client, asset: Asset) -> str:
    return client.get(page(Asset, "change", asset)).content.decode()


def told(answer: Any) -> str:
    return " ".join(str(each) for each in answer.context["messages"])


def test_every_verb_has_a_case():
    assert set(CASES) == set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_shown_dry_confirmed_and_done(name: str, boss: Client, admin_user: User):
    asset = case(name)
    assert verb_page(asset, name) in shown(boss, asset)
    before, jobs = causes(asset), queued_jobs()

    asking = boss.get(verb_page(asset, name))
    assert asking.status_code == 200
    assert asking.context["change"].changes
    assert causes(asset) == before
    assert queued_jobs() == jobs

    done = boss.post(verb_page(asset, name), follow=True)
    assert done.redirect_chain[-1][0] == page(Asset, "change", asset)
    since = [each for each in causes(asset) if each not in before] or [{}]
    by_hand = [(each.get("user"), each.get("surface")) for each in since]
    assert by_hand == [(str(admin_user.pk), "admin")] * len(since)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (admin_user, str(asset.pk))


@pytest.mark.parametrize("name", VERBS)
def test_who_may_only_look_sees_no_verb_and_is_refused__S26(name: str):
    asset, onlooker = case(name), staff()
    before = causes(asset)
    text = shown(onlooker, asset)
    assert all(verb_page(asset, each) not in text for each in VERBS)
    assert onlooker.get(verb_page(asset, name)).status_code == 403
    assert onlooker.post(verb_page(asset, name)).status_code == 403
    assert causes(asset) == before


@pytest.mark.parametrize("name", VERBS)
def test_a_verbs_permission_is_for_that_verb_alone__C4_8(name: str):
    client = staff(VERBS[name].permission.removeprefix("rindle."))
    for other in VERBS:
        allowed = VERBS[other].permission == VERBS[name].permission
        expected = 200 if allowed else 403
        assert client.get(verb_page(case(other), other)).status_code == expected


@pytest.mark.parametrize("name", VERBS)
def test_a_forged_request_is_refused__S26(name: str):
    asset = case(name)
    client = staff(VERBS[name].permission.removeprefix("rindle."), strict=True)
    before = Transition.objects.count()
    assert client.post(verb_page(asset, name)).status_code == 403
    assert Transition.objects.count() == before


@pytest.mark.parametrize("name", VERBS)
def test_a_permission_without_the_right_to_look_is_not_enough(name: str):
    asset = case(name)
    user = User.objects.create_user("blind", is_staff=True)
    client = staff(VERBS[name].permission.removeprefix("rindle."))
    client.force_login(user)
    assert client.get(verb_page(asset, name)).status_code == 403


def test_a_stranger_is_sent_to_the_login():
    asset = case("discard")
    for answer in (
        Client().get(verb_page(asset, "discard")),
        Client().post(verb_page(asset, "discard")),
    ):
        assert answer.status_code == 302
        assert "login" in answer.headers["Location"]
    assert fresh(asset).state != "deleted"


def test_what_does_not_make_sense_is_not_offered(boss: Client):
    (asset,) = stock(1)
    text = shown(boss, asset)
    assert verb_page(asset, "requeue") not in text
    assert verb_page(asset, "cancel") not in text
    assert verb_page(asset, "discard") in text


def test_a_refusal_is_a_message_and_never_a_traceback(boss: Client):
    (asset,) = stock(1)
    attach(Article.objects.create(), "cover", asset)
    for answer in (
        boss.get(verb_page(asset, "discard"), follow=True),
        boss.post(verb_page(asset, "discard"), follow=True),
    ):
        assert answer.status_code == 200
        assert "Detach it everywhere first." in told(answer)
    assert fresh(asset).state == "ready"


def test_a_verb_that_came_too_late_says_that_there_was_nothing_to_do(boss: Client):
    (asset,) = stock(1)
    answer = boss.post(verb_page(asset, "requeue"), follow=True)
    assert "nothing to change" in told(answer)
    assert queued_jobs() == []


def test_an_unknown_verb_is_not_found(boss: Client):
    (asset,) = stock(1)
    assert boss.post(verb_page(asset, "explode")).status_code == 404


def test_an_unknown_asset_is_not_found(boss: Client):
    (asset,) = stock(1)
    address = verb_page(asset, "discard").replace(str(asset.pk), "0" * 8 + str(asset.pk)[8:])
    assert boss.get(address).status_code == 404


def test_what_was_cancelled_is_made_after_all(boss: Client):
    asset = arrive(picture())
    drain_jobs(limit=1)
    boss.post(verb_page(asset, "cancel"))
    assert set(variant_states(asset).values()) == {"cancelled"}
    boss.post(verb_page(asset, "requeue"))
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_what_is_discarded_is_purged(boss: Client):
    asset = ready()
    boss.post(verb_page(asset, "discard"))
    assert fresh(asset).state == "deleted"
    assert queued_jobs("rindle:purge_storage")


def test_the_guide_names_every_permission():
    guide = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "admin.md").read_text()
    declared = {
        f"rindle.{codename}"
        for model in apps.get_app_config("rindle").get_models()
        for codename, _ in model._meta.permissions
    }
    assert {verb.permission for verb in VERBS.values()} <= declared
    assert [name for name in sorted(declared) if f"`{name}`" not in guide] == []


# --- following along ---------------------------------------------------------------------------


def progress(client: Client, asset: Asset) -> Any:
    return client.get(page(Asset, "progress", asset))


def test_the_page_can_be_followed_while_something_works_on_it(boss: Client):
    asset = arrive(picture())
    assert "data-active" in shown(boss, asset)
    assert progress(boss, asset).json()["active"]
    drain_jobs()
    answer = progress(boss, asset)
    assert "no-store" in answer.headers["Cache-Control"]
    followed = answer.json()
    assert not followed["active"]
    assert followed["said"] == "The asset is ready. 3 of 3 variants are ready."
    assert "thumb" in followed["html"]
    assert "data-active" not in shown(boss, asset)


def test_only_who_may_look_can_follow():
    (asset,) = stock(1)
    assert progress(staff(), asset).status_code == 200
    client = Client()
    client.force_login(User.objects.create_user("temp", is_staff=True))
    assert progress(client, asset).status_code == 403
    assert progress(Client(), asset).status_code == 302
