"""Signed links, made at once for many: to the letter those that botocore's own signer makes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import botocore.auth
import pytest
import requests
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import HealthCheck, given, settings, strategies as st

from rindle_django.storage.s3.signing import SEALS, Signer
from tests.servers.endpoint import REGION
from tests.storage.contract import BODY, KEY, put

SEGMENT = st.from_regex(r"[a-z0-9_-][a-z0-9_.-]{0,20}", fullmatch=True)
KEYS = st.lists(SEGMENT, min_size=1, max_size=4).map("/".join)
SECRETS = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=64)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)
ENDPOINTS = st.sampled_from(
    (
        *(None, "https://s3.example", "http://s3.example:80", "https://s3.example:443"),
        *("http://127.0.0.1:9000", "https://S3.Example:8443", "http://[::1]:9000"),
    )
)
PARAMS = st.dictionaries(
    st.sampled_from(
        (
            *("response-content-type", "response-content-disposition", "versionId"),
            *("response-cache-control", "partNumber"),
        )
    ),
    TEXTS,
)
CREDENTIALS = st.builds(
    ReadOnlyCredentials, SECRETS, SECRETS, st.none() | SECRETS, account_id=st.none()
)


def signed_by_botocore(
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    credentials: ReadOnlyCredentials,
    region: str,
    *,
    signed_at: int,
    expires: int,
    params: dict[str, str],
) -> str:
    moment = datetime.fromtimestamp(signed_at, tz=UTC)
    request = AWSRequest(method="GET", url=url, params=dict(params))
    with monkeypatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
        S3SigV4QueryAuth(credentials, "s3", region, expires).add_auth(request)
    return str(request.url)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    key=KEYS,
    location=st.just("") | KEYS,
    endpoint=ENDPOINTS,
    style=st.sampled_from(("path", "virtual", "auto")),
    region=st.sampled_from((REGION, "eu-central-1", "us-gov-west-1", "cn-north-1")),
    credentials=CREDENTIALS,
    signed_at=st.integers(0, 4_000_000_000),
    expires=st.integers(1, 604_800),
    params=PARAMS,
)
def test_every_link_is_the_one_that_botocores_own_signer_makes(
    bucket_at, monkeypatch, key, location, endpoint, style, region, credentials, **terms
):
    bucket = bucket_at(endpoint, style, region)
    signer = Signer(bucket, endpoint)
    place = signer.plain_url("")
    bucket.credentials = lambda: credentials
    name = f"{location}/{key}" if location else key

    ours = signer.sign("GET", name, **terms)

    url = place + quote(name, safe="/~")
    assert str(ours) == signed_by_botocore(monkeypatch, url, credentials, region, **terms)


@pytest.fixture(scope="module")
def bucket_at():
    """Buckets as different settings describe them; nobody is asked anything."""
    from storages.backends.s3 import S3Storage

    from rindle_django.storage.s3.bucket import Bucket

    known: dict[tuple[object, ...], Bucket] = {}

    def make(endpoint: str | None, style: str, region: str) -> Bucket:
        if (endpoint, style, region) not in known:
            storage = S3Storage(
                bucket_name="photos",
                endpoint_url=endpoint,
                addressing_style=style,
                region_name=region,
                access_key="key",
                secret_key="secret",
            )
            known[endpoint, style, region] = Bucket("store", storage)
        made = known[endpoint, style, region]
        vars(made).pop("credentials", None)
        return made

    return make


def test_the_credentials_in_force_sign_each_link(bucket_at):
    bucket = bucket_at(None, "auto", REGION)
    signer = Signer(bucket, None)
    terms: dict[str, Any] = {"signed_at": 1_700_000_000, "expires": 900}
    first = signer.sign("GET", KEY, **terms)
    current = Credentials("other", "another", "token")
    bucket._session._session._credentials, former = current, bucket._session.get_credentials()
    try:
        second = signer.sign("GET", KEY, **terms)
        current.token = "next"
        third = signer.sign("GET", KEY, **terms)
    finally:
        bucket._session._session._credentials = former
    assert signer.sign("GET", KEY, **terms) == first
    assert len({first, second, third}) == 3
    assert "X-Amz-Security-Token=next" in third


def test_what_is_remembered_of_moments_is_bounded(bucket_at):
    signer = Signer(bucket_at(None, "auto", REGION), None)
    for moment in range(SEALS * 3):
        signer.sign("GET", KEY, signed_at=moment, expires=60)
    assert signer._seal.cache_info().currsize == SEALS


@pytest.mark.rgw
@pytest.mark.parametrize(
    "disposition",
    [None, "inline", 'inline; filename="a b+c&d=e.jpg"', "attachment; filename*=UTF-8''%C3%A4%20~"],
)
@pytest.mark.parametrize("location", ["", "media/of-one"])
def test_a_server_that_verifies_signatures_takes_them(
    s3_store, rgw_server, bucket, disposition, location
):
    adapter = s3_store(rgw_server, bucket(rgw_server), location=location)
    put(adapter)
    answer = requests.get(
        adapter.sign_get(KEY, content_type="image/x~y", disposition=disposition, ttl=60), timeout=9
    )
    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer.headers["Content-Type"] == "image/x~y"
    assert answer.headers.get("Content-Disposition") == disposition
