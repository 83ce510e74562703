"""The same road on S3, where the client's bytes never touch our server."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Mapping

import pytest
from pytest_django import Settings

from rindle_django import attach, detach, initiate_upload, sign_upload, variant_url, verify_upload
from rindle_django.models import Asset, StoredObject
from rindle_django.purge import purge
from rindle_django.storage import SignedRequest
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.kit import fresh, ledger_keys, picture, variant_states
from tests.servers.endpoint import S3Endpoint
from tests.servers.fixtures import BucketFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(
    params=[
        pytest.param("s3_server", id="moto"),
        pytest.param("rgw_server", id="rgw", marks=pytest.mark.rgw),
    ]
)
def s3(
    request: pytest.FixtureRequest, settings: Settings, bucket: BucketFactory
) -> tuple[S3Endpoint, str]:
    """A bucket of its own behind the default storage."""
    endpoint: S3Endpoint = request.getfixturevalue(request.param)
    name = bucket(endpoint)
    settings.STORAGES = {**settings.STORAGES, "default": endpoint.storage(name)}
    return endpoint, name


def send(signed: SignedRequest, content: bytes, headers: Mapping[str, str] | None = None) -> int:
    """What a browser does with a signed request; returns the status."""
    request = urllib.request.Request(
        signed.url,
        data=content,
        method=signed.method,
        headers={**signed.headers, **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def listing(s3: tuple[S3Endpoint, str]) -> set[str]:
    endpoint, name = s3
    found = endpoint.client().list_objects_v2(Bucket=name).get("Contents", [])
    return {each["Key"] for each in found}


def begin(content: bytes) -> tuple[str, SignedRequest]:
    ticket = initiate_upload(
        "photo",
        filename="photo.jpg",
        content_type="image/jpeg",
        byte_size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return ticket.ticket, sign_upload(ticket.ticket)


def test_a_photo_goes_all_the_way_and_back(s3: tuple[S3Endpoint, str]):
    content = picture()
    ticket, signed = begin(content)
    assert send(signed, content) == 200
    asset = verify_upload(ticket)
    drain_jobs()

    asset = fresh(asset)
    assert asset.state == "ready"
    assert set(variant_states(asset).values()) == {"ready"}
    original = asset.original
    assert original is not None
    endpoint, name = s3
    stored = endpoint.client().head_object(Bucket=name, Key=original.key)
    assert (stored["ContentType"], stored["ContentLength"]) == ("image/jpeg", len(content))
    assert "max-age" in stored["CacheControl"]

    with urllib.request.urlopen(variant_url(asset, "thumb"), timeout=10) as response:
        assert response.headers["Content-Type"] == "image/jpeg"
        assert len(response.read()) == asset.variants.get(name="thumb").byte_size

    article = Article.objects.create()
    attach(article, "cover", asset)
    detach(article, "cover")
    # Nothing is deleted that a client could still be writing; here none is.
    drain_jobs()
    assert {key.split("/")[0] for key in listing(s3)} == {"incoming"}
    StoredObject.objects.filter(state="doomed").update(settles_at=None)
    purge(asset.pk)
    assert not Asset.objects.filter(pk=asset.pk).exists()
    assert listing(s3) == set()
    assert ledger_keys("expected", "present", "doomed") == set()


@pytest.mark.rgw
@pytest.mark.parametrize("s3", [pytest.param("rgw_server", id="rgw")], indirect=True)
class TestTheStorageItselfRefuses:
    def test_a_second_write(self, s3: tuple[S3Endpoint, str]):
        content = picture()
        _, signed = begin(content)
        assert send(signed, content) == 200
        assert send(signed, content) == 412

    def test_another_length(self, s3: tuple[S3Endpoint, str]):
        content = picture()
        _, signed = begin(content)
        assert send(signed, content + b"more") == 403
        assert listing(s3) == set()

    def test_another_type(self, s3: tuple[S3Endpoint, str]):
        content = picture()
        _, signed = begin(content)
        assert send(signed, content, {"Content-Type": "text/html"}) == 403

    def test_a_write_without_the_create_only_header__U4(self, s3: tuple[S3Endpoint, str]):
        content = picture()
        _, signed = begin(content)
        bare = {k: v for k, v in signed.headers.items() if k.lower() != "if-none-match"}
        unconditional = SignedRequest(signed.method, signed.url, bare, signed.expires_in)
        assert send(unconditional, content) == 403
