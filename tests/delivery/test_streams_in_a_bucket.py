"""A private stream whose files are in a bucket that verifies signatures, played from elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
import urllib3
from pytest_django import Settings

from rindle_django import streaming_url, variant_url
from rindle_django.models import Asset
from rindle_django.storage import adapter_for
from rindle_django.storage.s3.cors import cors_rule
from tests.delivery.films import cinema, film, storyboard, stream
from tests.servers.endpoint import S3Endpoint
from tests.servers.fixtures import BucketFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.rgw]

ORIGIN = "https://www.example.com"


@pytest.fixture
def asset(rgw_server: S3Endpoint, bucket: BucketFactory, settings: Settings) -> Any:
    name = bucket(rgw_server)
    rgw_server.client().put_bucket_cors(
        Bucket=name, CORSConfiguration={"CORSRules": [cors_rule([ORIGIN])]}
    )
    settings.STORAGES = {**settings.STORAGES, "store": rgw_server.storage(name)}
    with cinema(storage="store"):
        yield film(storage="store")


def ask(address: str, method: str = "GET", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.request(method, address, headers=named, retries=False, timeout=20)


def test_each_file_of_a_private_stream_can_be_read_and_no_more(asset: Asset, client: Any):
    files = stream(asset)
    master = client.get(streaming_url(asset).url)
    (playlist,) = re.findall(r"^/.*$", master.content.decode(), re.MULTILINE)
    text = client.get(playlist).content.decode()
    (part,) = set(re.findall(r"^http.*$", text, re.MULTILINE))
    assert f'URI="{part}"' in text
    answer = ask(part, Range="bytes=4-9", Origin=ORIGIN)
    assert (answer.status, answer.data) == (206, b"abcdef")
    assert answer.headers["Content-Range"] == "bytes 4-9/12"
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Access-Control-Allow-Origin"] in {ORIGIN, "*"}
    assert "content-range" in answer.headers["Access-Control-Expose-Headers"].lower()
    # Each signature is for one file: neither the neighbours nor the bare name are to be had by it.
    assert ask(part.replace(files["film"].key, files["playlist"].key)).status == 403
    assert ask(part.partition("?")[0]).status == 403


def test_a_player_on_another_origin_may_ask_for_a_range(asset: Asset, client: Any):
    stream(asset)
    master = client.get(streaming_url(asset).url)
    (playlist,) = re.findall(r"^/.*$", master.content.decode(), re.MULTILINE)
    (part, *_) = re.findall(r"^http.*$", client.get(playlist).content.decode(), re.MULTILINE)
    preflight = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "range",
    }
    assert urllib3.request("OPTIONS", part, headers=preflight, retries=False).status == 200
    foreign = preflight | {"Origin": "https://elsewhere.example"}
    assert urllib3.request("OPTIONS", part, headers=foreign, retries=False).status == 403


def test_a_storyboard_leads_to_its_sheet_in_the_bucket(asset: Asset, client: Any):
    storyboard(asset)
    text = client.get(variant_url(asset, "storyboard")).content.decode()
    (sheet, _) = re.findall(r"^(http\S+)#xywh=", text, re.MULTILINE)
    answer = ask(sheet)
    assert (answer.status, answer.data) == (200, b"sheet")
    assert answer.headers["Content-Type"] == "image/jpeg"


def test_a_bucket_that_does_not_answer_is_no_missing_stream(
    asset: Asset, client: Any, settings: Settings, rgw_server: S3Endpoint
):
    stream(asset)
    address = variant_url(asset, "hls")
    gone = adapter_for("store")
    assert gone.name == "s3"
    nowhere = S3Endpoint("http://127.0.0.1:9", rgw_server.access_key, rgw_server.secret_key)
    settings.STORAGES = {**settings.STORAGES, "store": nowhere.storage("x")}
    settings.RINDLE = {**settings.RINDLE, "STORAGE_TIMEOUT": 1.0}
    response = client.get(address)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "storage_unavailable")
