"""The views that a file system needs: a signed PUT takes one file, a signed GET serves one."""

from __future__ import annotations

import contextlib
import hashlib
import io
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from rindle_django import abort_upload, discard, sign_upload, url, variant_url, verify_upload
from rindle_django.lifecycle import transition
from rindle_django.models import StoredObject
from rindle_django.operations.cleanup import abort_incomplete_uploads
from rindle_django.storage import tokens
from rindle_django.testing import drain_jobs
from tests.kit import JPEG, files_in, promise, ready, run_out, session_of, stage

pytestmark = pytest.mark.django_db(transaction=True)

SHA = hashlib.sha256(JPEG).hexdigest()


def put(link: str, body: bytes = JPEG, content_type: str = "image/jpeg", **environ: Any) -> Any:
    headers = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))}
    return Client().generic("PUT", link, body, **headers | environ)


def get(link: str, **headers: str) -> tuple[Any, bytes]:
    """The response to a GET, closed as a server closes it, and what it said."""
    response: Any = Client().get(link, headers=headers)
    with contextlib.closing(response):
        said = b"".join(response.streaming_content) if response.streaming else response.content
    return response, said


def error(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def token_of(link: str) -> str:
    return link.rstrip("/").rsplit("/", 1)[1]


@pytest.fixture
def ticket() -> Any:
    return promise()


@pytest.fixture
def link(ticket: Any) -> str:
    return sign_upload(ticket.ticket).url


# --- PUT ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("atomic_requests", [False, True])
def test_a_put_stores_exactly_what_was_sent(
    link: str, media_folder: Path, atomic_requests: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", atomic_requests)
    response = put(link)
    assert (response.status_code, response.content) == (201, b"")
    [key] = files_in(media_folder)
    assert (media_folder / key).read_bytes() == JPEG


def test_a_put_needs_no_csrf_token_and_no_cookie(link: str):
    response = Client(enforce_csrf_checks=True).put(link, JPEG, content_type="image/jpeg")
    assert response.status_code == 201
    assert not response.cookies


def test_a_second_put_changes_nothing__S4(link: str, media_folder: Path):
    put(link)
    assert error(put(link, bytes(len(JPEG)))) == (409, "object_exists")
    [key] = files_in(media_folder)
    assert (media_folder / key).read_bytes() == JPEG


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "content_type", "refusal"),
    [
        (JPEG + b"x", "image/jpeg", (409, "length_mismatch")),
        (JPEG[:-1], "image/jpeg", (409, "length_mismatch")),
        (b"", "image/jpeg", (409, "length_mismatch")),
        (JPEG, "text/html", (409, "type_mismatch")),
        (JPEG, "image/jpeg; charset=x", (409, "type_mismatch")),
        (JPEG, "", (409, "type_mismatch")),
    ],
)
def test_what_was_not_signed_is_not_taken(
    link: str, body: bytes, content_type: str, refusal: tuple[int, str], media_folder: Path
):
    assert error(put(link, body, content_type)) == refusal
    assert files_in(media_folder) == set()


def test_a_put_that_breaks_off_leaves_nothing_and_may_be_repeated__S4(
    ticket: Any, link: str, media_folder: Path
):
    half = io.BytesIO(JPEG[: len(JPEG) // 2])
    environ: dict[str, Any] = {"wsgi.input": half}
    broken = put(link, JPEG, **environ)
    assert error(broken) == (409, "length_mismatch")
    assert list(media_folder.rglob("*.part")) == []
    assert files_in(media_folder) == set()
    assert put(link).status_code == 201
    assert verify_upload(ticket.ticket).state == "validating"


def test_a_put_is_held_to_the_declared_checksum(media_folder: Path):
    link = sign_upload(promise(sha256=SHA).ticket).url
    assert error(put(link, bytes(len(JPEG)))) == (422, "checksum_mismatch")
    assert files_in(media_folder) == set()
    assert put(link).status_code == 201


@pytest.mark.parametrize("end", ["verified", "aborted", "reaped"])
def test_a_put_after_the_end_of_its_upload_is_refused__U4(
    ticket: Any, link: str, end: str, media_folder: Path
):
    if end == "verified":
        put(link)
        verify_upload(ticket.ticket)
        (media_folder / session_of(ticket).staging.key).unlink()
    elif end == "aborted":
        abort_upload(ticket.ticket)
    else:
        run_out(ticket)
        abort_incomplete_uploads()
    assert error(put(link)) == (409, "ticket_used")
    assert files_in(media_folder) == set()


def test_a_put_whose_rows_are_gone_is_refused(ticket: Any, link: str):
    session_of(ticket).delete()
    assert error(put(link)) == (404, "session_not_found")


def expired_link(session: Any) -> str:
    token = tokens.put_token(
        "default",
        session.staging.key,
        length=len(JPEG),
        content_type="image/jpeg",
        sha256=None,
        expires_in=-1,
    )
    return f"/rindle/put/{token}/"


def test_an_expired_link_is_refused(ticket: Any):
    assert error(put(expired_link(session_of(ticket)))) == (410, "url_expired")


FORGED = ["x", "a:b", "a:b:c", "%00", "%F0%9F%92%A3", "%ED%A0%80", "..", "x" * 5000]


@pytest.mark.django_db
@pytest.mark.parametrize("token", FORGED, ids=lambda token: token[:10])
def test_a_forged_link_is_refused(token: str):
    assert put(f"/rindle/put/{token}/").status_code in (403, 404)
    assert get(f"/rindle/media/{token}/")[0].status_code in (403, 404)


def test_neither_kind_of_link_passes_for_the_other__S11(link: str):
    asset = ready(JPEG)
    media = variant_url(asset, "thumb")
    assert error(put(f"/rindle/put/{token_of(media)}/")) == (403, "url_invalid")
    assert error(get(f"/rindle/media/{token_of(link)}/")[0]) == (403, "url_invalid")


def test_a_put_of_an_old_link_never_reaches_what_is_served__U4_S13(media_folder: Path):
    ticket = promise()
    link = sign_upload(ticket.ticket).url
    put(link)
    verify_upload(ticket.ticket)
    drain_jobs()
    before = {key: (media_folder / key).read_bytes() for key in files_in(media_folder)}
    assert error(put(link, bytes(len(JPEG)))) == (409, "ticket_used")
    assert {key: (media_folder / key).read_bytes() for key in files_in(media_folder)} == before


# --- GET ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("atomic_requests", [False, True])
def test_a_get_serves_the_object_and_nothing_it_could_run__S20(
    atomic_requests: bool, monkeypatch: pytest.MonkeyPatch
):
    asset = ready(JPEG)
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", atomic_requests)
    response, said = get(url(asset))
    assert (response.status_code, said) == (200, JPEG)
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert response.headers["Content-Disposition"].startswith("inline")
    assert "private" in response.headers["Cache-Control"]


def test_a_head_has_the_headers_alone():
    with contextlib.closing(Client().head(url(ready(JPEG)))) as response:
        said = b"".join(response)
    assert (response.status_code, response.headers["Content-Length"]) == (200, str(len(JPEG)))
    assert said == b""


def test_what_the_browser_has_is_not_sent_again():
    link = url(ready(JPEG))
    first, _ = get(link)
    again, said = get(link, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, said) == (304, b"")


def test_a_download_is_saved_under_the_uploaded_name():
    response, _ = get(url(ready(JPEG), download=True))
    assert response.headers["Content-Disposition"] == 'attachment; filename="photo.jpg"'


def test_an_expired_get_is_refused(monkeypatch: pytest.MonkeyPatch):
    link = url(ready(JPEG))
    later = time.time() + 3 * 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert error(get(link)[0]) == (410, "url_expired")


def test_a_link_to_what_was_deleted_shows_nothing():
    asset = ready(JPEG)
    link = variant_url(asset, "thumb")
    discard(asset.pk)
    assert error(get(link)[0]) == (404, "media_not_found")


def test_a_link_to_what_was_quarantined_shows_nothing_any_more__X8():
    asset = ready(JPEG)
    links = [url(asset), variant_url(asset, "thumb")]
    assert transition(asset, "quarantined", reason_code="scanner_refused")
    assert [error(get(link)[0]) for link in links] == [(404, "media_not_found")] * 2


def test_a_link_to_a_file_that_is_not_there_is_a_typed_refusal(media_folder: Path):
    asset = ready(JPEG)
    link = url(asset)
    assert asset.original is not None
    (media_folder / asset.original.key).unlink()
    assert get(link)[0].status_code in (404, 409)


def test_staged_bytes_have_no_link_even_with_a_genuine_signature__X8():
    ticket = promise()
    staging = stage(ticket.asset_id, JPEG)
    token = tokens.get_token(
        "default", staging.key, content_type="text/html", disposition=None, ttl=60
    )
    assert error(get(f"/rindle/media/{token}/")[0]) == (404, "media_not_found")
    verify_upload(ticket.ticket)
    assert StoredObject.objects.get(pk=staging.pk).state == "present"
    assert error(get(f"/rindle/media/{token}/")[0]) == (404, "media_not_found")
