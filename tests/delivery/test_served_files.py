"""What our own view serves: exactly what was signed, as long as it is there, and nothing else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from rindle_django import discard, url, variant_url
from rindle_django.errors import RindleError
from rindle_django.models import Asset
from rindle_django.storage import adapter_for, tokens
from rindle_django.testing import drain_jobs
from tests.kit import picture, ready

pytestmark = pytest.mark.django_db(transaction=True)


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def token_of(address: str) -> str:
    return urlsplit(address).path.rstrip("/").rsplit("/", 1)[-1]


def test_the_bytes_are_those_of_the_object(client: Any):
    content = picture()
    asset = ready(content)
    response = client.get(url(asset))
    assert response.body == content
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.headers["Content-Length"] == str(len(content))


def test_a_head_request_says_the_same_without_the_bytes(asset: Asset, client: Any):
    full, head = client.get(url(asset)), client.head(url(asset))
    length = len(full.body)
    assert head.status_code == 200
    for name in ("Content-Type", "Content-Length", "ETag", "Content-Disposition"):
        assert head.headers[name] == full.headers[name]
    assert int(head.headers["Content-Length"]) == length
    assert head.body == b""


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_only_reading_is_answered__W4_9(asset: Asset, client: Any, method: str):
    assert getattr(client, method)(url(asset)).status_code == 405


def test_what_the_browser_has_is_not_sent_again__W4_9(asset: Asset, client: Any):
    first = client.get(variant_url(asset, "thumb"))
    etag = first.headers["ETag"]
    again = client.get(variant_url(asset, "thumb"), headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == etag
    assert "private" in again.headers["Cache-Control"]
    other = client.get(variant_url(asset, "thumb"), headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


@pytest.mark.parametrize("form", ['"other", {}', "W/{}", "*"], ids=["list", "weak", "any"])
def test_a_cache_may_ask_in_any_form_that_http_allows__W4_9(asset: Asset, client: Any, form: str):
    first = client.get(url(asset))
    asked = form.format(first.headers["ETag"])
    assert client.get(url(asset), headers={"If-None-Match": asked}).status_code == 304


def test_each_object_has_an_etag_of_its_own__W4_9(asset: Asset, client: Any):
    addresses = [url(asset), *(variant_url(asset, name) for name in ("thumb", "medium", "large"))]
    assert len({client.head(address).headers["ETag"] for address in addresses}) == 4


def test_user_bytes_are_looked_at_and_can_do_nothing_else(asset: Asset, client: Any):
    headers = client.head(url(asset)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "sandbox" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Disposition"].startswith("inline")


def test_a_browser_keeps_it_as_long_as_the_link_lives_and_proxies_do_not(
    asset: Asset, client: Any, monkeypatch: pytest.MonkeyPatch
):
    moment = 1_900_000_350.0
    monkeypatch.setattr(time, "time", lambda: moment)
    address = url(asset)
    cache = client.head(address).headers["Cache-Control"]
    assert "private" in cache
    lives = tokens.read_get(token_of(address)).expires - int(moment)
    assert f"max-age={lives}" in cache


def test_a_link_ends_with_its_time(asset: Asset, client: Any, monkeypatch: pytest.MonkeyPatch):
    address = url(asset)
    expires = tokens.read_get(token_of(address)).expires
    monkeypatch.setattr(time, "time", lambda: float(expires - 1))
    assert client.head(address).status_code == 200
    monkeypatch.setattr(time, "time", lambda: float(expires))
    assert code(client.get(address)) == (410, "url_expired")


def test_a_link_that_was_tampered_with_is_refused(asset: Asset, client: Any):
    address = str(url(asset))
    token = token_of(address)
    payload, signature = token.rsplit(":", 1)
    for forged in (
        payload[:-1] + ("A" if payload[-1] != "A" else "B") + ":" + signature,
        payload + ":" + signature[::-1],
        payload,
        "x",
    ):
        assert code(client.get(address.replace(token, forged))) == (403, "url_invalid")


def test_a_link_signed_by_another_site_is_refused(asset: Asset, client: Any, settings: Settings):
    settings.SECRET_KEY = "of another site"
    address = str(url(asset))
    settings.SECRET_KEY = "not-secret"
    assert code(client.get(address)) == (403, "url_invalid")


def test_a_link_survives_a_change_of_keys(asset: Asset, client: Any, settings: Settings):
    address = str(url(asset))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the new one", ["not-secret"]
    assert client.head(address).status_code == 200


def test_leave_to_store_is_no_leave_to_read(asset: Asset, client: Any):
    assert asset.original is not None
    token = tokens.put_token(
        "default",
        asset.original.key,
        length=1,
        content_type="image/jpeg",
        sha256=None,
        expires_in=60,
    )
    address = str(url(asset))
    assert code(client.get(address.replace(token_of(address), token))) == (403, "url_invalid")


def test_a_link_to_what_was_deleted_shows_nothing__W4_11(asset: Asset, client: Any):
    addresses = [str(url(asset)), str(variant_url(asset, "thumb"))]
    discard(asset.pk)
    for address in addresses:  # doomed already, though the bytes are still there
        assert code(client.get(address)) == (404, "media_not_found")
    drain_jobs()
    for address in addresses:
        assert code(client.get(address)) == (404, "media_not_found")


def test_a_link_to_bytes_that_are_gone_shows_nothing__W4_9_W4_11(asset: Asset, client: Any):
    address = url(asset)
    assert asset.original is not None
    adapter_for("default").delete([asset.original.key])
    assert code(client.get(address)) == (404, "media_not_found")


def test_only_a_file_system_is_served_by_us(asset: Asset, client: Any, settings: Settings):
    """Whatever was signed: the bytes of a bucket never pass through here."""
    address = url(asset)
    bucket = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"bucket_name": "b"}}
    settings.STORAGES = {**settings.STORAGES, "default": bucket}
    assert code(client.get(address)) == (403, "url_invalid")


def test_a_link_to_what_was_quarantined_shows_nothing(asset: Asset, client: Any):
    address = str(url(asset))
    Asset.objects.filter(pk=asset.pk).update(state="quarantined")
    assert code(client.get(address)) == (404, "media_not_found")


def test_a_link_to_a_key_that_never_was_shows_nothing__W4_8(client: Any, asset: Asset):
    address = str(url(asset))
    for key in ("originals/nothing", "incoming/a/b"):
        token = tokens.get_token("default", key, content_type="image/png", disposition=None, ttl=60)
        assert code(client.get(address.replace(token_of(address), token)))[0] == 404


def test_a_signed_key_cannot_leave_the_storage__W4_8(tmp_path: Path, asset: Asset):
    beside = tmp_path / "default-private"
    beside.mkdir()
    (beside / "secret").write_bytes(b"secret")
    adapter = adapter_for("default")
    for key in (
        "../default-private/secret",
        "/etc/passwd",
        "originals/../../default-private/secret",
    ):
        with pytest.raises(RindleError) as refusal:
            adapter.read_range(key, 0, 10)
        assert refusal.value.code == "bad_key"
        with pytest.raises(RindleError):
            adapter.sign_get(key, content_type="image/png", disposition=None, ttl=60)


def test_a_symbolic_link_does_not_lead_out__W4_8(tmp_path: Path, asset: Asset, client: Any):
    assert asset.original is not None
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    address = str(url(asset))
    path = tmp_path / "default" / asset.original.key
    path.unlink()
    path.symlink_to(secret)
    response = client.get(address)
    assert response.status_code == 500
    assert b"secret" not in response.body
