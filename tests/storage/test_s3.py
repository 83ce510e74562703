"""The S3 adapter's own ways: parts, parameters, signatures."""

from __future__ import annotations

import hashlib
from unittest.mock import ANY
from urllib.parse import parse_qs, urlsplit

import pytest

from rindle_django.errors import Misconfigured, TransientFailure
from rindle_django.storage.s3.bucket import MARK
from rindle_django.storage.s3.transfer import MAX_PARTS, Sizes
from tests.storage.contract import BODY, KEY, OTHER, put

MIB = 1 << 20
IN_PARTS = Sizes(single_put=6 * MIB, put_part=5 * MIB, single_copy=6 * MIB, copy_part=5 * MIB)


@pytest.fixture
def moto(s3_store, s3_server, bucket):
    return s3_store(s3_server, bucket(s3_server))


@pytest.fixture(params=["s3_server", pytest.param("rgw_server", marks=pytest.mark.rgw)])
def adapter(request, s3_store, bucket):
    server = request.getfixturevalue(request.param)
    return s3_store(server, bucket(server))


# --- transfers ---------------------------------------------------------------------------------


def test_large_objects_travel_in_parts(adapter, tmp_path):
    adapter.sizes = IN_PARTS
    body = b"".join(bytes([number]) * MIB for number in range(12))

    stored = put(adapter, body=body)
    copied = adapter.copy(KEY, OTHER, content_type="image/webp", cache_control="private")

    assert stored.size == copied.size == len(body)
    assert stored.etag
    assert copied.etag
    assert stored.etag.endswith("-3")
    assert copied.etag.endswith("-3")
    assert (stored.content_type, copied.content_type) == ("image/jpeg", "image/webp")
    assert adapter.download(OTHER, tmp_path / "copy") == len(body)
    assert (
        hashlib.sha256((tmp_path / "copy").read_bytes()).digest() == hashlib.sha256(body).digest()
    )


@pytest.mark.parametrize("size", [6 * MIB, 6 * MIB + 1, 10 * MIB])
def test_the_last_part_is_as_long_as_is_left(moto, size):
    moto.sizes = IN_PARTS

    assert put(moto, body=bytes(size)).size == size
    assert moto.copy(KEY, OTHER, content_type="a/b").size == size


def test_parts_are_large_enough_to_be_few_enough():
    sizes = Sizes()
    for size in (65 << 20, 5 << 30, 5 << 40):
        for part in (sizes.part(sizes.put_part, size), sizes.part(sizes.copy_part, size)):
            assert -(-size // part) <= MAX_PARTS


def test_a_copy_has_the_headers_it_was_given_and_no_others(adapter):
    client, name = adapter.bucket.client, adapter.bucket.name
    client.put_object(
        Bucket=name, Key=KEY, Body=BODY, ContentType="text/html", Metadata={"by": "client"}
    )

    adapter.copy(KEY, OTHER, content_type="image/png", cache_control="public, max-age=60")

    copied = client.head_object(Bucket=name, Key=OTHER)
    assert copied["ContentType"] == "image/png"
    assert copied["CacheControl"] == "public, max-age=60"
    assert copied["Metadata"] == {}


def test_the_storages_own_parameters_are_kept(s3_store, s3_server, bucket):
    adapter = s3_store(
        s3_server,
        bucket(s3_server),
        object_parameters={
            "CacheControl": "private",
            "ContentType": "text/html",  # ours is known better
            "Metadata": {"site": "one"},
            "ServerSideEncryption": "AES256",
        },
    )
    put(adapter)
    adapter.copy(KEY, OTHER, content_type="image/png")

    for key, content_type in ((KEY, "image/jpeg"), (OTHER, "image/png")):
        found = adapter.bucket.client.head_object(Bucket=adapter.bucket.name, Key=key)
        assert found["CacheControl"] == "private"
        assert found["ContentType"] == content_type
        assert found["Metadata"] == {"site": "one", **({MARK: ANY} if key == KEY else {})}
    request = adapter.sign_put(KEY, length=1, content_type="image/png", sha256=None, expires_in=60)
    assert request.headers["x-amz-server-side-encryption"] == "AES256"


def test_more_keys_than_one_request_takes_are_deleted(moto):
    keys = [f"variants/asset/{number}" for number in range(1001)]
    put(moto, keys[0])
    put(moto, keys[1000])

    assert moto.delete(keys).confirmed.keys() == set(keys)
    assert moto.stat(keys[0]) is None
    assert moto.stat(keys[1000]) is None


# --- signatures --------------------------------------------------------------------------------


def test_links_are_signed_as_botocore_signs(moto):
    """Same second, same life: then the same signature as botocore's own."""
    params = {"ResponseContentType": "image/png", "ResponseContentDisposition": 'inline; x="ä"'}

    for _ in range(5):
        theirs = moto.bucket.client.generate_presigned_url(
            "get_object", Params={"Bucket": moto.bucket.name, "Key": KEY, **params}, ExpiresIn=2
        )
        ours = moto.sign_get(KEY, content_type="image/png", disposition='inline; x="ä"', ttl=1)
        if _query(ours)["X-Amz-Date"] == _query(theirs)["X-Amz-Date"]:
            break

    assert _query(ours) == _query(theirs)
    assert urlsplit(ours).path == urlsplit(theirs).path


def test_everything_declared_is_in_the_signature__S12(moto):
    digest = hashlib.sha256(BODY).hexdigest()

    request = moto.sign_put(KEY, length=7, content_type="image/png", sha256=digest, expires_in=60)

    signed = _query(request.url)["X-Amz-SignedHeaders"][0].split(";")
    assert signed == [
        "content-length",
        "content-type",
        "host",
        "if-none-match",
        "x-amz-checksum-sha256",
    ]
    # What browsers set by themselves, and forbid scripts to set, is not asked of them.
    assert {name.lower() for name in request.headers} == {*signed} - {"content-length", "host"}
    assert _query(request.url)["X-Amz-Expires"] == ["60"]


def test_a_link_lives_no_longer_than_s3_allows(moto):
    week = 7 * 86_400
    link = {"content_type": "a/b", "disposition": None}

    assert _query(moto.sign_get(KEY, ttl=6 * 86_400, **link))["X-Amz-Expires"] == [str(week)]
    for ttl in (week - 100, week, week + 1):
        with pytest.raises(Misconfigured, match="S3 allows 604800"):
            moto.sign_get(KEY, ttl=ttl, **link)
    with pytest.raises(Misconfigured, match="S3 allows 604800"):
        moto.sign_put(KEY, length=1, content_type="a/b", sha256=None, expires_in=week + 1)


def test_nothing_is_signed_without_credentials(s3_store, s3_server, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    adapter = s3_store(s3_server, "any", access_key=None, secret_key=None)

    with pytest.raises(Misconfigured) as problem:
        adapter.sign_get(KEY, content_type="a/b", disposition=None, ttl=60)

    assert problem.value.code == "credentials_missing"


def test_no_secret_is_in_an_error__S23(s3_store, s3_server):
    adapter = s3_store(s3_server, "no-such-bucket", secret_key="wJalrXUtnFEMI")

    with pytest.raises(TransientFailure) as failure:
        put(adapter)

    shown = repr(failure.value) + str(failure.value) + repr(failure.value.__cause__)
    assert "NoSuchBucket" in shown
    assert "wJalrXUtnFEMI" not in shown
    assert s3_server.access_key not in shown
    assert "wJalrXUtnFEMI" not in repr(adapter)


def test_a_public_url_uses_the_domain_of_its_own(s3_store, s3_server):
    adapter = s3_store(s3_server, "any", custom_domain="cdn.example", location="media")

    assert adapter.public_url(KEY) == f"https://cdn.example/media/{KEY}"
    # A signature for the bucket is worth nothing there, so signed links do not use it.
    signed = adapter.sign_get(KEY, content_type="a/b", disposition=None, ttl=60)
    assert signed.startswith(s3_server.url)


def test_the_address_follows_from_region_and_style(s3_store, s3_server):
    amazon = s3_store(s3_server, "photos", endpoint_url=None, region_name="eu-central-1")
    assert amazon.public_url(KEY) == f"https://photos.s3.amazonaws.com/{KEY}"
    link = amazon.sign_get(KEY, content_type="a/b", disposition=None, ttl=60)
    assert "/eu-central-1/s3/aws4_request" in _query(link)["X-Amz-Credential"][0]

    virtual = s3_store(
        s3_server, "photos", endpoint_url="https://s3.example", addressing_style="virtual"
    )
    assert virtual.public_url(KEY) == f"https://photos.s3.example/{KEY}"


def _query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)
