"""Who may upload over HTTP, who may see what became of it, and what nobody gets to see."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from rindle_django.models import Asset
from rindle_django.profiles import get_profile
from tests.kit import JPEG, stage
from tests.rows import asset_in
from tests.storms import Sky
from tests.uploads.http import FILE, error, post, put

pytestmark = pytest.mark.django_db(transaction=True)


# --- who may -----------------------------------------------------------------------------------


def test_a_visitor_may_not_upload_unless_the_profile_says_so():
    visitor = Client()
    assert error(post(visitor, "", FILE)) == (403, "not_allowed")
    assert "sessionid" not in visitor.cookies
    assert not Asset.objects.exists()


def test_a_visitor_is_known_by_the_session_and_keeps_the_upload():
    visitor, other = Client(), Client()
    begun = post(visitor, "", {**FILE, "profile": "plain"})
    assert begun.status_code == 201
    assert "sessionid" in begun.cookies
    ticket = {"ticket": begun.json()["ticket"]}
    put(visitor, begun.json()["upload"])
    post(other, "", {**FILE, "profile": "plain"})
    for stranger in (other, Client()):
        assert error(post(stranger, "verify/", ticket)) == (404, "session_not_found")
    assert post(visitor, "verify/", ticket).status_code == 200
    assert visitor.get(f"/rindle/assets/{begun.json()['asset_id']}/").status_code == 200


def test_the_authorizer_has_the_last_word_for_users_too(browser: Client):
    class Nobody:
        def authorize(self, actor: Any, action: str, asset: Any) -> bool:
            return False

    guarded = get_profile("guarded")
    authorizer, guarded.authorizer = guarded.authorizer, Nobody()
    try:
        assert error(post(browser, "", {**FILE, "profile": "guarded"})) == (403, "not_allowed")
    finally:
        guarded.authorizer = authorizer


def test_absent_and_foreign_assets_look_alike__S15(browser: Client):
    foreign, nobodys = asset_in("ready", actor="auth.user:999"), asset_in("ready")
    answers = [browser.get(f"/rindle/assets/{each}/") for each in (foreign.pk, nobodys.pk, uuid4())]
    assert {error(each) for each in answers} == {(404, "asset_not_found")}
    assert len({each.content for each in answers}) == 1


def test_a_stranger_sees_no_assets_of_nobody():
    assert error(Client().get(f"/rindle/assets/{asset_in('ready').pk}/")) == (
        404,
        "asset_not_found",
    )


def test_an_id_that_is_no_id_is_not_found(browser: Client):
    assert browser.get("/rindle/assets/1/").status_code == 404
    assert browser.get("/rindle/assets/%00/").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("step", ["", "sign/", "verify/", "abort/"])
def test_a_page_of_another_site_can_do_nothing(alice: User, settings: Settings, step: str):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.csrf.CsrfViewMiddleware"]
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert post(browser, step, FILE).status_code == 403
    assert not Asset.objects.exists()


def test_with_the_token_the_own_page_can(alice: User, settings: Settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.csrf.CsrfViewMiddleware"]
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    token = "a" * 32
    browser.cookies["csrftoken"] = token
    begun = browser.post(
        "/rindle/uploads/", FILE, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert begun.status_code == 201
    # The storage's own URL needs no token, as S3's does not: the signature is the proof.
    assert put(browser, begun.json()["upload"]).status_code == 201


def test_progress_costs_a_constant_number_of_queries__U23(
    browser: Client, alice: User, django_assert_max_num_queries: Any
):
    asset = asset_in("validating", actor=f"auth.user:{alice.pk}")
    with django_assert_max_num_queries(5):
        assert browser.get(f"/rindle/assets/{asset.pk}/").status_code == 200


def test_an_error_holds_no_key_and_no_trace(browser: Client, sky: Sky):
    begun = post(browser, "", FILE).json()
    stage(begun["asset_id"], JPEG)

    def explode() -> None:
        raise RuntimeError("s3://secret-bucket/key?signature=abc")

    sky.before("stat", explode)
    browser.raise_request_exception = False
    response = post(browser, "verify/", {"ticket": begun["ticket"]})
    assert response.status_code == 500
    assert b"secret-bucket" not in response.content
