"""The steps of a direct upload over HTTP: statuses, bodies, who may, and what is refused."""

from __future__ import annotations

import io
import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from pytest_django import Settings

from rindle_django.models import Asset, UploadSession
from rindle_django.profiles import get_profile
from rindle_django.testing import drain_jobs
from tests.kit import JPEG, picture, promise, stage
from tests.rows import asset_in
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)

FILE = {
    "profile": "photo",
    "filename": "photo.jpg",
    "content_type": "image/jpeg",
    "byte_size": len(JPEG),
}


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def browser(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def post(client: Client, step: str, body: Any) -> Any:
    return client.post(f"/rindle/uploads/{step}", body, content_type="application/json")


def error(response: Any) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/json"
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"code", "message"}
    assert response.headers["Cache-Control"] == "no-store"
    return response.status_code, response.json()["error"]["code"]


def put(client: Client, upload: dict[str, Any], body: bytes = JPEG, **changes: Any) -> Any:
    return client.put(
        upload["url"], body, content_type=upload["headers"]["Content-Type"], **changes
    )


# --- the whole road ----------------------------------------------------------------------------


@pytest.mark.parametrize("atomic_requests", [False, True])
def test_a_browser_goes_the_whole_road(
    browser: Client, alice: User, atomic_requests: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", atomic_requests)
    begun = post(browser, "", FILE)
    assert begun.status_code == 201
    assert set(begun.json()) == {"ticket", "asset_id", "expires_in", "upload"}
    upload = begun.json()["upload"]
    assert (upload["method"], upload["headers"]) == ("PUT", {"Content-Type": "image/jpeg"})

    ticket = {"ticket": begun.json()["ticket"]}
    again = post(browser, "sign/", ticket)
    assert again.status_code == 200
    assert put(browser, again.json()["upload"]).status_code == 201

    verified = post(browser, "verify/", ticket)
    assert verified.status_code == 200
    assert verified.json()["asset"]["state"] == "validating"
    assert post(browser, "verify/", ticket).json() == verified.json()

    drain_jobs()
    asset = browser.get(f"/rindle/assets/{begun.json()['asset_id']}/").json()["asset"]
    assert (asset["state"], asset["width"], asset["height"]) == ("ready", 64, 48)
    assert set(asset["variants"]) == {"thumb", "medium", "large"}
    for variant in asset["variants"].values():
        served: Any = browser.get(variant["url"])
        assert served.headers["Content-Type"] == variant["content_type"]
        assert len(b"".join(served.streaming_content)) == variant["byte_size"]
    assert Asset.objects.get().actor == f"auth.user:{alice.pk}"


def test_an_abort_answers_with_nothing_and_may_be_repeated(browser: Client):
    ticket = {"ticket": post(browser, "", FILE).json()["ticket"]}
    for _ in range(2):
        response = post(browser, "abort/", ticket)
        assert (response.status_code, response.content) == (204, b"")
    assert error(post(browser, "verify/", ticket)) == (409, "upload_aborted")


def test_a_refused_file_says_why_in_its_progress(browser: Client):
    content = picture(20, 20, "PNG")
    begun = post(browser, "", {**FILE, "byte_size": len(content)}).json()
    put(browser, begun["upload"], content)
    post(browser, "verify/", {"ticket": begun["ticket"]})
    drain_jobs()
    asset = browser.get(f"/rindle/assets/{begun['asset_id']}/").json()["asset"]
    assert (asset["state"], asset["reason_code"]) == ("quarantined", "extension_mismatch")
    assert asset["reason"] == "The name ends in '.jpg' but the content is 'image/png'."
    assert asset["variants"] == {}


# --- typed refusals and their statuses ---------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"profile": "nobody"}, 404, "unknown_profile"),
        ({"profile": None}, 400, "request_invalid"),
        ({"profile": ["photo"]}, 400, "request_invalid"),
        ({"filename": 5}, 400, "request_invalid"),
        ({"filename": "a\x00.jpg"}, 400, "filename_invalid"),
        ({"filename": "\ud800.jpg"}, 400, "filename_invalid"),
        ({"filename": "a" * 300 + ".jpg"}, 400, "filename_invalid"),
        ({"filename": "a.html"}, 415, "extension_not_allowed"),
        ({"content_type": "text/html"}, 415, "content_type_not_allowed"),
        ({"content_type": None}, 400, "request_invalid"),
        ({"byte_size": None}, 400, "length_invalid"),
        ({"byte_size": "12"}, 400, "length_invalid"),
        ({"byte_size": 1.5}, 400, "length_invalid"),
        ({"byte_size": {}}, 400, "length_invalid"),
        ({"byte_size": -5}, 400, "length_invalid"),
        ({"byte_size": 10**18}, 413, "bytes_exceeded_upload"),
        ({"sha256": "x"}, 400, "checksum_invalid"),
        ({"sha256": None}, 400, "request_invalid"),
    ],
    ids=repr,
)
def test_a_wrong_beginning_is_refused(
    browser: Client, wrong: dict[str, Any], status: int, code: str
):
    assert error(post(browser, "", {**FILE, **wrong})) == (status, code)
    assert not Asset.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["profile", "filename", "content_type", "byte_size"])
def test_every_declaration_is_needed(browser: Client, missing: str):
    body = {name: value for name, value in FILE.items() if name != missing}
    status, code = error(post(browser, "", body))
    assert (status, code) == (
        400,
        "length_invalid" if missing == "byte_size" else "request_invalid",
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\x00",
        b"\xff\xfe\xfd",
        b"{'profile': 'photo'}",
        b'{"profile": "photo"}' + b" " * 65_536,
        b"[" * 60_000,
        b'{"byte_size": ' + b"9" * 6_000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("step", ["", "sign/", "verify/", "abort/"])
def test_a_body_that_is_no_json_object_is_refused(browser: Client, step: str, body: bytes):
    assert error(post(browser, step, body)) == (400, "request_invalid")


def test_a_length_header_that_is_no_number_is_refused(browser: Client):
    response = browser.generic(
        "POST", "/rindle/uploads/", json.dumps(FILE), "application/json", CONTENT_LENGTH="many"
    )
    assert error(response) == (400, "request_invalid")


def test_a_body_without_an_end_is_not_read_for_ever(browser: Client):
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += max(size, 1)
            return b" " * max(size, 1)

    endless = Endless()
    environ: dict[str, Any] = {"wsgi.input": endless, "CONTENT_LENGTH": str(1 << 40)}
    response = browser.generic("POST", "/rindle/uploads/", b"", "application/json", **environ)
    assert error(response) == (400, "request_invalid")
    assert endless.given < 1 << 17


def test_unknown_keys_are_ignored_and_set_nothing__S14(browser: Client, alice: User):
    body = {
        **FILE,
        "actor": "auth.user:999",
        "key": "originals/mine",
        "storage": "public",
        "state": "ready",
        "asset_id": str(uuid4()),
        "expires_in": 10**9,
    }
    assert post(browser, "", body).status_code == 201
    session = UploadSession.objects.select_related("asset", "staging").get()
    assert session.actor == f"auth.user:{alice.pk}"
    assert (session.state, session.asset.state) == ("signed", "staged")
    assert session.staging.storage == "default"
    assert session.staging.key.startswith("incoming/")


@pytest.mark.django_db
@pytest.mark.parametrize("ticket", ["", "x", "a:b", "\x00", "\ud800", 5, None, {}, "x" * 60_000])
@pytest.mark.parametrize("step", ["sign/", "verify/", "abort/"])
def test_a_ticket_that_is_none_is_refused(browser: Client, step: str, ticket: Any):
    expected = (403, "ticket_invalid") if isinstance(ticket, str) else (400, "request_invalid")
    assert error(post(browser, step, {"ticket": ticket})) == expected


@pytest.mark.django_db
@pytest.mark.parametrize("step", ["sign/", "verify/", "abort/"])
def test_another_users_ticket_is_refused(browser: Client, step: str):
    ticket = promise(actor="auth.user:12345")
    assert error(post(browser, step, {"ticket": ticket.ticket})) == (404, "session_not_found")


def test_verify_before_put_is_a_conflict_that_passes(browser: Client):
    begun = post(browser, "", FILE).json()
    ticket = {"ticket": begun["ticket"]}
    assert error(post(browser, "verify/", ticket)) == (409, "object_missing")
    put(browser, begun["upload"])
    assert post(browser, "verify/", ticket).status_code == 200


def test_a_storage_that_does_not_answer_is_503_and_not_the_clients_fault(browser: Client, sky: Sky):
    begun = post(browser, "", FILE).json()
    sky.break_down("stat")
    assert error(post(browser, "verify/", {"ticket": begun["ticket"]})) == (
        503,
        "storage_unavailable",
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("uploads/", "get"),
        ("uploads/sign/", "get"),
        ("uploads/verify/", "put"),
        ("uploads/abort/", "delete"),
        ("put/x/", "post"),
        ("put/x/", "get"),
        ("media/x/", "post"),
        ("media/x/", "put"),
    ],
)
def test_other_methods_are_not_allowed(browser: Client, path: str, method: str):
    assert getattr(browser, method)(f"/rindle/{path}").status_code == 405


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
