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

from rindle_django.models import Asset, UploadSession
from rindle_django.testing import drain_jobs
from tests.kit import picture, promise
from tests.storms import Sky
from tests.uploads.http import FILE, error, post, put

pytestmark = pytest.mark.django_db(transaction=True)

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
