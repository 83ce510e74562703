"""One range of a file, as RFC 9110 has it; everything else is the whole file."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory
from django.utils.http import http_date
from pytest_django import Settings

from rindle_django import streaming_url, url
from rindle_django.errors import RequestRefused
from rindle_django.models import Asset
from rindle_django.testing import Recorder
from rindle_django.views.ranges import ByteRange, parsed, requested_range
from tests.delivery.films import cinema, film

pytestmark = pytest.mark.django_db(transaction=True)

CONTENT = random.Random(1).randbytes(1_000_000)
SIZE = len(CONTENT)


@pytest.fixture(autouse=True)
def _cinema() -> Iterator[None]:
    with cinema():
        yield


@pytest.fixture
def asset() -> Asset:
    return film(content=CONTENT)


# --- what a header asks for --------------------------------------------------------------------

SATISFIED = {
    "bytes=0-0": ByteRange(0, 0),
    "bytes=0-99": ByteRange(0, 99),
    "bytes=5-": ByteRange(5, 999),
    "bytes=999-": ByteRange(999, 999),
    "bytes=-1": ByteRange(999, 999),
    "bytes=-1000": ByteRange(0, 999),
    "bytes=-99999": ByteRange(0, 999),
    "bytes=990-99999999999999999999": ByteRange(990, 999),
    "BYTES= 1-2 ": ByteRange(1, 2),
}
IGNORED = [
    *(
        "bytes=-",
        "bytes=",
        "bytes",
        "bytes=2-1",
        "bytes=a-b",
        "bytes=1",
        "bytes=--1",
        "bytes=1-2-3",
    ),
    *(
        "items=0-5",
        "=0-5",
        "bytes=0-5,10-15",
        "bytes=0-0,-1",
        "bytes=\u0660-\u0661",
        "bytes=0x1-2",
        "b\0=1-2",
    ),
    "bytes=" + "9" * 5000 + "-",
]
UNSATISFIABLE = ["bytes=1000-", "bytes=1000-1001", "bytes=5000-", "bytes=-0"]


@pytest.mark.parametrize(("header", "part"), SATISFIED.items(), ids=range(len(SATISFIED)))
def test_one_range_is_understood__W4_9(header: str, part: ByteRange):
    assert parsed(header, 1000) == part


@pytest.mark.parametrize("header", IGNORED, ids=range(len(IGNORED)))
def test_what_is_no_single_range_of_bytes_is_not_answered__W4_9_S22(header: str):
    assert parsed(header, 1000) is None


@pytest.mark.parametrize("header", UNSATISFIABLE)
def test_a_range_behind_the_end_is_refused__W4_9(header: str):
    with pytest.raises(RequestRefused) as refusal:
        parsed(header, 1000)
    assert (refusal.value.code, refusal.value.status) == ("range_not_satisfiable", 416)


def test_an_empty_file_has_no_ranges__W4_9():
    assert parsed("bytes=-5", 0) is None
    with pytest.raises(RequestRefused):
        parsed("bytes=0-", 0)


@pytest.mark.parametrize(
    "header",
    [
        "bytes=" + ",".join(f"{n}-{n}" for n in range(10_000)),
        "bytes=" + "0-" * 10_000,
        "bytes=" + " " * 100_000 + "x",
        "bytes=" + "1" * 100_000,
    ],
    ids=["many", "dashes", "spaces", "digits"],
)
def test_ten_thousand_ranges_cost_nothing__S22(header: str):
    request = RequestFactory().get("/", headers={"Range": header})
    began = time.perf_counter()
    assert requested_range(request, size=1000, etag='"e"', modified=0) is None
    assert time.perf_counter() - began < 0.005


# --- what is answered --------------------------------------------------------------------------


def test_a_part_is_sent_as_such__W4_9(asset: Asset, client: Any):
    response = client.get(url(asset), headers={"Range": "bytes=100-299"})
    assert response.status_code == 206
    assert response.body == CONTENT[100:300]
    assert response.headers["Content-Range"] == f"bytes 100-299/{SIZE}"
    assert response.headers["Content-Length"] == "200"
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "private" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("bytes=999000-", CONTENT[999_000:]),
        ("bytes=-7", CONTENT[-7:]),
        ("bytes=0-", CONTENT),
        ("bytes=1-700000", CONTENT[1:700_001]),
    ],
)
def test_each_form_of_a_range_is_sent__W4_9(asset: Asset, client: Any, header: str, body: bytes):
    response = client.get(url(asset), headers={"Range": header})
    assert (response.status_code, response.body == body) == (206, True)


@pytest.mark.parametrize("header", ["bytes=0-1,3-4", "items=1-2", "bytes=9-3", "nonsense"])
def test_other_ranges_are_answered_with_the_whole__W4_9(asset: Asset, client: Any, header: str):
    response = client.get(url(asset), headers={"Range": header})
    assert (response.status_code, response.body == CONTENT) == (200, True)
    assert "Content-Range" not in response.headers


def test_a_range_that_cannot_be_is_told_the_length__W4_9(asset: Asset, client: Any):
    response = client.get(url(asset), headers={"Range": f"bytes={SIZE}-"})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"
    assert response.json()["error"]["code"] == "range_not_satisfiable"
    assert response.headers["Cache-Control"] == "no-store"


def test_the_end_of_an_empty_file_is_all_of_it__W4_9(client: Any):
    address = url(film(content=b""))
    suffix = client.get(address, headers={"Range": "bytes=-5"})
    assert (suffix.status_code, suffix.body) == (200, b"")
    assert suffix.headers["Content-Length"] == "0"
    first = client.get(address, headers={"Range": "bytes=0-"})
    assert (first.status_code, first.headers["Content-Range"]) == (416, "bytes */0")


def test_a_head_request_has_no_ranges__W4_9(asset: Asset, client: Any):
    response = client.head(url(asset), headers={"Range": "bytes=0-9"})
    assert (response.status_code, response.body) == (200, b"")
    assert response.headers["Content-Length"] == str(SIZE)
    assert response.headers["Accept-Ranges"] == "bytes"


def test_a_part_continues_only_the_file_that_it_is_of__W4_9(asset: Asset, client: Any):
    address = url(asset)
    first = client.head(address).headers
    same = [first["ETag"], first["Last-Modified"]]
    other = [
        '"another"',
        f"W/{first['ETag']}",
        http_date(86_400),
        "nonsense",
        first["ETag"].strip('"'),
    ]
    for condition, status in [*((each, 206) for each in same), *((each, 200) for each in other)]:
        headers = {"Range": "bytes=0-9", "If-Range": condition}
        assert client.get(address, headers=headers).status_code == status, condition


def test_a_condition_comes_before_a_range__W4_9(asset: Asset, client: Any, events: Recorder):
    address = url(asset)
    first = client.head(address).headers
    unchanged = [
        {"If-None-Match": first["ETag"]},
        {"If-Modified-Since": first["Last-Modified"]},
        {"If-None-Match": "*"},
    ]
    for condition in unchanged:
        response = client.get(address, headers={"Range": "bytes=0-9", **condition})
        assert (response.status_code, response.body) == (304, b"")
        assert response.headers["Last-Modified"] == first["Last-Modified"]
    changed = [
        {"If-None-Match": '"another"', "If-Modified-Since": first["Last-Modified"]},
        {"If-Modified-Since": http_date(86_400)},
    ]
    for condition in changed:
        response = client.get(address, headers={"Range": "bytes=0-9", **condition})
        assert response.status_code == 206
    for condition in ({"If-Match": '"another"'}, {"If-Unmodified-Since": http_date(86_400)}):
        assert client.get(address, headers=condition).status_code == 412
    assert len(events.named("rindle.delivery.range_request")) == len(changed)


# --- what is told ------------------------------------------------------------------------------


def test_each_part_that_is_served_is_told_of__S22(asset: Asset, client: Any, events: Recorder):
    address = streaming_url(asset, actor="anna").url
    client.get(address)
    client.head(address, headers={"Range": "bytes=0-9"})
    client.get(address, headers={"Range": "bytes=5-9,11-12"})
    client.get(address, headers={"Range": f"bytes={SIZE}-"})
    assert events.named("rindle.delivery.range_request") == []
    client.get(address, headers={"Range": "bytes=10-29"})
    ((numbers, told),) = [
        (numbers, metadata)
        for name, numbers, metadata in events.emitted
        if name == "rindle.delivery.range_request"
    ]
    assert asset.original is not None
    assert told == {
        "profile": "film",
        "adapter": "filesystem",
        "key": asset.original.key,
        "actor_subject": "anna",
        "asset_id": str(asset.pk),
    }
    assert (numbers["offset"], numbers["length"], numbers["file_size"]) == (10, 20, SIZE)


class Reader:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


@pytest.mark.parametrize(
    ("actor", "subject"),
    [
        (None, "anonymous"),
        ("", "anonymous"),
        ("anna", "anna"),
        (User(pk=7), "auth.user:7"),
        (Reader(id=3), "Reader:3"),
        (Reader(), "Reader"),
        (Reader(is_anonymous=True), "anonymous"),
        ("a" * 500, "a" * 150),
    ],
)
def test_the_link_knows_for_whom_it_is(
    asset: Asset, client: Any, events: Recorder, actor: Any, subject: str
):
    client.get(url(asset, actor=actor), headers={"Range": "bytes=0-0"})
    (told,) = events.named("rindle.delivery.range_request")
    assert told["actor_subject"] == subject


def test_a_link_is_the_same_for_the_same_reader(asset: Asset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(time, "time", lambda: 1_900_000_000.0)
    assert url(asset, actor="anna") == url(asset, actor="anna")
    assert url(asset, actor="anna") != url(asset, actor="bob")
    assert url(asset) == url(asset, actor=None)


def test_a_link_of_before_the_subject_was_in_it_still_works(asset: Asset, client: Any):
    from django.core.signing import Signer

    assert asset.original is not None
    old = ("default", asset.original.key, "video/mp4", "inline", int(time.time()) + 60)
    address = str(url(asset))
    token = urlsplit(address).path.rstrip("/").rsplit("/", 1)[-1]
    address = address.replace(token, Signer(salt="rindle.storage.get").sign_object(old))
    assert client.get(address).body == CONTENT


# --- cookies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}, {"If-None-Match": "*"}])
def test_no_file_comes_with_a_cookie__S21(
    asset: Asset, client: Any, settings: Settings, headers: dict[str, str]
):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    client.force_login(User.objects.create_user("anna"))
    response = client.get(url(asset), headers=headers)
    assert response.status_code in (200, 206, 304)
    assert not response.cookies
    # The same visitor has one of any other page, so that it is not for want of a session.
    assert client.get("/admin/login/").cookies
