"""Every wrong upload gets a typed error with its stable code, and leaves nothing behind."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.checks import run_checks

from rindle_django import (
    abort_upload,
    attach,
    discard,
    initiate_upload,
    sign_upload,
    upload,
    variant_url,
    verify_upload,
)
from rindle_django.errors import CODES, Kind
from rindle_django.models import Asset, UploadSession
from rindle_django.operations.cleanup import abort_incomplete_uploads
from rindle_django.testing import drain_jobs
from tests.app.models import Article, Member
from tests.kit import (
    JPEG,
    arrive,
    bomb,
    code_of,
    declared,
    edges,
    files_in,
    fresh,
    named,
    picture,
    promise,
    queued_jobs,
    run_out,
    session_of,
    stage,
)
from tests.rows import asset_in

pytestmark = pytest.mark.django_db(transaction=True)

PNG = picture(64, 48, "PNG")


# --- refused before anything is promised -------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"profile": "nobody"}, "unknown_profile"),
        ({"content_type": "image/tiff"}, "content_type_not_allowed"),
        ({"content_type": "text/html"}, "content_type_not_allowed"),
        ({"content_type": "image/svg+xml"}, "content_type_not_allowed"),
        ({"content_type": ""}, "content_type_not_allowed"),
        ({"content_type": "image/jpeg\x00"}, "content_type_not_allowed"),
        ({"filename": "photo.html"}, "extension_not_allowed"),
        ({"filename": "photo.jpg.exe"}, "extension_not_allowed"),
        ({"filename": "photo"}, "extension_not_allowed"),
        ({"filename": ".jpg"}, "extension_not_allowed"),
        ({"byte_size": 20 * 1024**2 + 1}, "bytes_exceeded_upload"),
        ({"byte_size": 10**30}, "bytes_exceeded_upload"),
        ({"byte_size": 0}, "length_invalid"),
        ({"byte_size": -1}, "length_invalid"),
        ({"byte_size": True}, "length_invalid"),
        ({"byte_size": 10.0}, "length_invalid"),
        ({"byte_size": "10"}, "length_invalid"),
        ({"byte_size": None}, "length_invalid"),
        ({"sha256": "abc"}, "checksum_invalid"),
        ({"sha256": "z" * 64}, "checksum_invalid"),
        ({"filename": "a" * 300 + ".jpg"}, "filename_invalid"),
        ({"filename": "a\x00.jpg"}, "filename_invalid"),
        ({"filename": "a\ud800.jpg"}, "filename_invalid"),
        ({"filename": ""}, "filename_invalid"),
        ({"filename": "  "}, "filename_invalid"),
        ({"filename": "photos/"}, "filename_invalid"),
        ({"filename": ".."}, "filename_invalid"),
        ({"filename": "\x07\u202e"}, "filename_invalid"),
    ],
    ids=repr,
)
def test_a_wrong_declaration_is_refused_and_nothing_written__U5_D6(
    wrong: dict[str, Any], code: str
):
    assert code_of(promise, **wrong) == code
    assert CODES[code].kind is Kind.REQUEST
    assert not Asset.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("фото.JPG", "фото.JPG"),
        ("e\u0301te\u0301.jpg", "été.jpg"),
        ("日本語.jpeg", "日本語.jpeg"),
        ("🏖️ beach.jpg", "🏖️ beach.jpg"),
        ("C:\\Users\\me\\cat.jpg", "cat.jpg"),
        ("../../etc/cat.jpg", "cat.jpg"),
        ("/etc/cat.jpg", "cat.jpg"),
        ("ca\r\nt.jpg", "cat.jpg"),
        ("exe\u202egpj.jpg", "exegpj.jpg"),
        ("x" * 251 + ".jpg", "x" * 251 + ".jpg"),
        ("..jpg.jpg", "..jpg.jpg"),
        ("<script>.jpg", "<script>.jpg"),
    ],
)
def test_a_name_is_kept_as_data_and_is_never_a_path__X6_X7(name: str, kept: str):
    session = session_of(promise(filename=name))
    assert session.filename == session.asset.filename == kept
    asset = str(session.asset_id)
    assert session.staging.key == f"incoming/{asset[:2]}/{asset}/{session.staging_id}"


def test_a_policy_reads_names_and_types_in_one_way__P12_X12():
    promise(filename="HOLIDAY.JPEG", content_type="IMAGE/JPG; charset=binary")
    promise(filename="scan.PNG", content_type="image/x-png")
    assert UploadSession.objects.filter(content_type="image/jpeg").count() == 1
    assert UploadSession.objects.filter(content_type="image/png").count() == 1


def test_an_empty_list_allows_nothing_and_pages_are_never_on_the_usual_one__X4():
    with declared("undecided", content_types=()):
        assert code_of(promise, profile="undecided") == "content_type_not_allowed"
        assert "rindle.E022" in {message.id for message in run_checks()}
    with declared("usual"):
        for content_type in ("image/svg+xml", "text/html", "application/xhtml+xml", "text/xml"):
            assert (
                code_of(promise, profile="usual", content_type=content_type, filename="a.svg")
                == "content_type_not_allowed"
            )


# --- refused at verification -------------------------------------------------------------------


def test_verify_before_put_says_not_yet_and_may_be_asked_again():
    ticket = promise()
    sign_upload(ticket.ticket)
    assert code_of(verify_upload, ticket.ticket) == "object_missing"
    assert session_of(ticket).state == "signed"
    stage(ticket.asset_id, JPEG)
    assert verify_upload(ticket.ticket).state == "validating"


@pytest.mark.parametrize("difference", [-1, 1, -len(JPEG) + 1])
def test_a_wrong_length_fails_the_upload__U13(difference: int):
    ticket = promise(byte_size=len(JPEG) + difference)
    stage(ticket.asset_id, JPEG)
    assert code_of(verify_upload, ticket.ticket) == "length_mismatch"
    session = session_of(ticket)
    assert (session.state, session.asset.state) == ("failed", "deleted")
    assert session.reason_code == "length_mismatch"
    assert queued_jobs("rindle:promote_asset") == []
    # The next call says the same thing in other words, without asking the storage again.
    assert code_of(verify_upload, ticket.ticket) == "upload_failed"


def test_an_object_of_no_bytes_fails_the_upload__U13():
    ticket = promise()
    stage(ticket.asset_id, b"")
    assert code_of(verify_upload, ticket.ticket) == "length_mismatch"


@pytest.mark.django_db
@pytest.mark.parametrize("reaped", [False, True])
@pytest.mark.parametrize("arrived", [False, True])
def test_verify_after_the_end_is_refused_whoever_noticed_first__U1(reaped: bool, arrived: bool):
    ticket = promise()
    if arrived:
        stage(ticket.asset_id, JPEG)
    run_out(ticket)
    if reaped:
        abort_incomplete_uploads()
    assert code_of(verify_upload, ticket.ticket) == "upload_expired"
    assert session_of(ticket).asset.state == "staged"
    assert queued_jobs() == []


def test_verify_after_abort_is_refused():
    ticket = promise()
    stage(ticket.asset_id, JPEG)
    abort_upload(ticket.ticket)
    assert code_of(verify_upload, ticket.ticket) == "upload_aborted"
    assert queued_jobs("rindle:promote_asset") == []


# --- refused by what the bytes are -------------------------------------------------------------

DRAWN = {"filename": "a.png", "content_type": "image/png"}
LIES: list[tuple[str, bytes, dict[str, Any], str]] = [
    ("a PNG said to be a JPEG by its name", PNG, {}, "extension_mismatch"),
    ("a JPEG with a PNG's name", JPEG, {"filename": "a.png"}, "extension_mismatch"),
    ("a page", b"<!doctype html><script>alert(1)</script>", {}, "mime_not_allowed"),
    ("a drawing", b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, "mime_not_allowed"),
    ("a document", b"%PDF-1.7 and so on", {}, "mime_not_allowed"),
    ("an archive", b"PK\x03\x04" + bytes(100), {}, "mime_not_allowed"),
    ("a program", b"\x7fELF" + bytes(100), {}, "type_unknown"),
    ("noise", bytes(range(128, 256)) * 4, {}, "type_unknown"),
    ("text", b"just,a,table\n1,2,3\n", {}, "type_unknown"),
    ("a JPEG of which half is missing", JPEG[: len(JPEG) // 2], {}, "image_truncated"),
    ("only the beginning of a JPEG", JPEG[:20], {}, "image_truncated"),
    ("a PNG in name only", PNG[:8] + bytes(500), DRAWN, "image_unreadable"),
    ("a bomb", bomb(16_000, 16_000), DRAWN, "pixels_exceeded"),
    ("a long bomb", bomb(2_000_000, 1), DRAWN, "side_exceeded"),
]


@pytest.mark.parametrize(
    ("content", "said", "code"), [each[1:] for each in LIES], ids=[each[0] for each in LIES]
)
@pytest.mark.parametrize("road", ["direct", "server"])
def test_bytes_that_are_not_what_was_said_are_quarantined__U5_X2_X3_W1_17(
    content: bytes, said: dict[str, Any], code: str, road: str
):
    if road == "direct":
        asset = arrive(content, **said)
    else:
        name = said.get("filename", "photo.jpg")
        asset = upload("photo", named(content, name))
    drain_jobs()
    asset = fresh(asset)
    assert (asset.state, asset.reason_code) == ("quarantined", code)
    assert edges(asset)[-1] == "analyzing>quarantined"
    assert asset.variants.count() == 0
    assert queued_jobs("rindle:promote_asset") == []  # a verdict is not asked for twice


def test_a_wrong_checksum_quarantines():
    asset = arrive(JPEG, sha256=hashlib.sha256(PNG).hexdigest())
    drain_jobs()
    assert fresh(asset).reason_code == "checksum_mismatch"


def test_the_right_checksum_in_capitals_does_not():
    asset = arrive(JPEG, sha256=hashlib.sha256(JPEG).hexdigest().upper())
    drain_jobs()
    assert fresh(asset).state == "ready"


# --- refused on the road through the server ----------------------------------------------------


def test_an_empty_file_is_refused_by_its_size():
    assert code_of(upload, "photo", named(b"", "a.jpg")) == "length_invalid"
    assert not Asset.objects.exists()


def test_an_empty_stream_is_found_out_by_its_content():
    asset = upload("photo", io.BytesIO(b""), filename="a.jpg")
    drain_jobs()
    assert (fresh(asset).state, fresh(asset).reason_code) == ("quarantined", "empty_file")


def test_an_endless_stream_is_stopped_at_the_limit(media_folder: Path):
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return bytes(size)

    endless = Endless()
    assert code_of(upload, "tiny", endless, filename="a.png") == "bytes_exceeded_upload"
    assert endless.given <= 2 << 20
    assert files_in(media_folder) == set()
    assert UploadSession.objects.get().state == "failed"


def test_a_file_that_lies_about_its_size_is_refused__U14(media_folder: Path):
    class Liar(io.BytesIO):
        size = 10

    liar = named(JPEG, "a.jpg")
    liar.size = 10
    assert code_of(upload, "photo", liar) == "length_mismatch"
    assert code_of(upload, "photo", Liar(JPEG), filename="a.jpg") == "length_mismatch"
    assert files_in(media_folder) == set()
    assert set(UploadSession.objects.values_list("state", flat=True)) == {"failed"}


def test_a_file_without_a_name_is_refused():
    assert code_of(upload, "photo", io.BytesIO(JPEG)) == "filename_invalid"


def test_a_server_upload_obeys_the_same_declarations():
    assert code_of(upload, "photo", named(JPEG, "a.tif")) == "content_type_not_allowed"
    assert code_of(upload, "photo", named(JPEG, "a.zip"), content_type="image/jpeg") == (
        "extension_not_allowed"
    )
    assert code_of(upload, "nobody", named(JPEG, "a.jpg")) == "unknown_profile"
    assert code_of(upload, "guarded", named(JPEG, "a.jpg")) == "not_allowed"
    assert code_of(upload, "tiny", named(bytes(100_001), "a.png")) == "bytes_exceeded_upload"
    assert not Asset.objects.exists()


# --- refused afterwards ------------------------------------------------------------------------


def test_an_unknown_variant_is_refused():
    assert code_of(variant_url, asset_in("ready"), "gigantic") == "unknown_variant"


def test_an_asset_id_that_is_foreign_or_unknown_is_not_found():
    someone_elses = asset_in("ready", actor="app.member:1")
    article = Article.objects.create()
    assert code_of(attach, article, "cover", someone_elses, actor="app.member:2") == (
        "asset_not_found"
    )
    assert code_of(attach, article, "cover", uuid4()) == "asset_not_found"
    assert code_of(discard, uuid4()) == "asset_not_found"


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["staged", "quarantined", "deleted"])
def test_an_asset_without_verified_bytes_is_not_attached(state: str):
    assert code_of(attach, Article.objects.create(), "cover", asset_in(state)) == (
        "asset_not_attachable"
    )


def test_attaching_twice_is_the_same_as_once():
    article, asset = Article.objects.create(), asset_in("ready")
    assert attach(article, "cover", asset).pk == attach(article, "cover", asset).pk
    assert queued_jobs() == []


def test_an_asset_of_another_profile_does_not_fit_the_slot():
    member = Member.objects.create()
    assert code_of(attach, member, "avatar", asset_in("ready", profile="plain")) == (
        "slot_profile_mismatch"
    )


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["staged", "validating", "quarantined", "deleted"])
def test_an_asset_that_is_not_verified_has_no_url__X8(state: str):
    assert code_of(variant_url, asset_in(state), "thumb") == "not_deliverable"


def test_the_profile_may_be_given_as_a_class_and_unknown_classes_are_refused__U25():
    class Nameless:
        name = "never-registered"

    assert code_of(
        initiate_upload, Nameless, filename="a.jpg", content_type="image/jpeg", byte_size=1
    ) == ("unknown_profile")
