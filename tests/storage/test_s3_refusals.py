"""What a client may do with a signed URL, and everything it may not: against a real server.

Every test here rests on a refusal, so a simulator that refuses nothing would not do.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import urllib3

from rindle_django.storage import Capabilities, SignedRequest, content_disposition
from rindle_django.storage.s3 import S3Adapter
from rindle_django.storage.s3.cors import cors_rule

if TYPE_CHECKING:
    from mypy_boto3_s3.literals import BucketVersioningStatusType

pytestmark = pytest.mark.rgw

KEY = "incoming/asset/object"
BODY = b"exactly these bytes"
TYPE = "image/png"
ORIGIN = "https://app.example"


@pytest.fixture
def http():
    with urllib3.PoolManager(retries=False, timeout=20) as pool:
        yield pool


def signed(adapter: S3Adapter, key: str = KEY, expires_in: int = 60) -> SignedRequest:
    return adapter.sign_put(
        key,
        length=len(BODY),
        content_type=TYPE,
        sha256=hashlib.sha256(BODY).hexdigest(),
        expires_in=expires_in,
    )


def send(http, request: SignedRequest, body: bytes = BODY, **changed: str | None) -> int:
    """The status of the answer. ``changed`` headers replace the signed ones; None drops one."""
    headers = {**request.headers, **{name.replace("_", "-"): v for name, v in changed.items()}}
    sent = {name: value for name, value in headers.items() if value is not None}
    answer = http.request(request.method, request.url, body=body, headers=sent)
    return int(answer.status)


# --- PUT ---------------------------------------------------------------------------------------


def test_what_was_signed_is_stored_as_signed__S7(rgw, http):
    assert send(http, signed(rgw)) == 200

    stored = rgw.stat(KEY)
    assert (stored.size, stored.content_type) == (len(BODY), TYPE)
    assert rgw.read_range(KEY, 0, 100) == BODY


@pytest.mark.parametrize(
    "attempt",
    [
        {"body": BODY + b"!"},
        {"body": BODY[:-1]},
        {"body": b""},
        {"Content_Type": "text/html"},
        {"Content_Type": None},
        {"If_None_Match": None},
        {"If_None_Match": '"other"'},
        {"x_amz_checksum_sha256": "A" * 43 + "="},
        {"x_amz_checksum_sha256": None},
    ],
    ids=str,
)
def test_anything_else_than_what_was_signed_is_refused__S12(rgw, http, attempt):
    assert send(http, signed(rgw), **attempt) == 403
    assert rgw.stat(KEY) is None


def test_one_of_sixteen_clients_wins(rgw, http):
    at_once = threading.Barrier(16)
    bodies = [b"%02d" % number + BODY[2:] for number in range(16)]

    def upload(body: bytes) -> int:
        request = signed(rgw)
        at_once.wait()
        return send(http, request, body)

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(upload, bodies))

    assert sorted(statuses)[:2] == [200, 412] or sorted(statuses)[:2] == [200, 409]
    assert rgw.read_range(KEY, 0, 100) == bodies[statuses.index(200)]


def test_a_url_stores_once(rgw, http):
    request = signed(rgw)

    assert send(http, request) == 200
    assert send(http, request, b"x" * len(BODY)) == 412
    assert rgw.read_range(KEY, 0, 100) == BODY


def test_an_expired_url_is_refused(rgw, http):
    request = signed(rgw, expires_in=1)
    time.sleep(2.1)

    assert send(http, request) == 403
    assert rgw.stat(KEY) is None


@pytest.mark.parametrize(
    "part",
    ["/object", "X-Amz-Credential=", "X-Amz-Date=2", "X-Amz-Expires=", "X-Amz-Signature="],
)
def test_a_url_that_was_tampered_with_is_refused__S24(rgw, http, part):
    request = signed(rgw)
    assert part in request.url
    tampered = SignedRequest("PUT", request.url.replace(part, part + "9"), request.headers, 60)

    assert send(http, tampered) in {400, 403}
    assert send(http, request) == 200  # it was good before


def test_a_url_of_one_key_is_none_of_another(rgw, http):
    request = signed(rgw)
    other = SignedRequest("PUT", request.url.replace("/asset/", "/other/"), request.headers, 60)

    assert send(http, other) == 403


def test_a_browser_on_another_origin_may_upload_if_the_bucket_allows_it(rgw, http):
    request = signed(rgw)
    preflight = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ",".join(sorted(map(str.lower, request.headers))),
    }
    assert http.request("OPTIONS", request.url, headers=preflight).status == 403

    rgw.bucket.client.put_bucket_cors(
        Bucket=rgw.bucket.name, CORSConfiguration={"CORSRules": [cors_rule([ORIGIN])]}
    )
    allowed = http.request("OPTIONS", request.url, headers=preflight)
    foreign = http.request(
        "OPTIONS", request.url, headers={**preflight, "Origin": "https://evil.example"}
    )
    sent = http.request(
        "PUT", request.url, body=BODY, headers={**request.headers, "Origin": ORIGIN}
    )

    assert (allowed.status, foreign.status, sent.status) == (200, 403, 200)
    assert sent.headers["Access-Control-Allow-Origin"] in {ORIGIN, "*"}


# --- GET ---------------------------------------------------------------------------------------


@pytest.fixture
def stored(rgw):
    rgw.put_stream(KEY, [BODY], length=len(BODY), content_type="text/html", limit=100)
    return rgw


def test_a_link_serves_the_signed_type_and_name__W4_1(stored, http):
    disposition = content_disposition('Ärger "№1".png', attachment=True)
    url = stored.sign_get(KEY, content_type=TYPE, disposition=disposition, ttl=60)

    answer = http.request("GET", url)

    assert (answer.status, answer.data) == (200, BODY)
    assert answer.headers["Content-Type"] == TYPE
    assert answer.headers["Content-Disposition"] == disposition


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("image%2Fpng", "text%2Fhtml"),
        ("attachment", "inline"),
        ("/object", "/other"),
        ("X-Amz-Expires=", "X-Amz-Expires=9"),
        ("X-Amz-Signature=", "X-Amz-Signature=9"),
    ],
)
def test_a_link_that_was_tampered_with_is_refused__S24(stored, http, part, other):
    url = stored.sign_get(KEY, content_type=TYPE, disposition="attachment", ttl=60)
    assert part in url

    assert http.request("GET", url.replace(part, other)).status == 403
    assert http.request("GET", url).status == 200


def test_a_link_is_for_reading_only(stored, http):
    url = stored.sign_get(KEY, content_type=TYPE, disposition=None, ttl=60)

    assert http.request("PUT", url, body=b"other").status == 403
    assert http.request("DELETE", url).status == 403
    assert stored.read_range(KEY, 0, 100) == BODY


def test_an_expired_link_is_refused(stored, http):
    url = stored.sign_get(KEY, content_type=TYPE, disposition=None, ttl=1)
    assert http.request("GET", url).status == 200
    time.sleep(3.1)  # ttl, and the window in which it was issued

    assert http.request("GET", url).status == 403


def test_a_public_url_works_once_the_object_is_public__W4_2(stored, http):
    url = stored.public_url(KEY)
    assert http.request("GET", url).status == 403

    stored.bucket.client.put_object_acl(Bucket=stored.bucket.name, Key=KEY, ACL="public-read")

    assert http.request("GET", url).data == BODY


def test_clients_may_know_the_bucket_by_another_origin(stored, http):
    port = urlsplit(stored.public_url(KEY)).port
    public = S3Adapter("store", stored.bucket.storage, public_endpoint=f"http://localhost:{port}")
    url = public.sign_get(KEY, content_type=TYPE, disposition=None, ttl=60)
    request = signed(public, "incoming/asset/other")

    assert urlsplit(url).hostname == urlsplit(request.url).hostname == "localhost"
    assert urlsplit(public.public_url(KEY)).hostname == "localhost"
    assert http.request("GET", url).data == BODY
    assert send(http, request) == 200
    assert public.read_range("incoming/asset/other", 0, 100) == BODY  # by the server's own origin


# --- what the server really does ---------------------------------------------------------------


def test_capabilities_are_measured(rgw):
    measured = rgw.probe_capabilities()

    assert measured == Capabilities(
        signed_put=True,
        create_only_put=True,
        binds_length=True,
        binds_type=True,
        binds_checksum=False,  # this gateway stores other bytes than the header says
        signed_get=True,
        public_url=True,
        batch_delete=True,
        versioned=False,
    )
    assert rgw.bucket.client.list_objects_v2(Bucket=rgw.bucket.name)["KeyCount"] == 0


def test_a_versioned_bucket_is_told_apart(rgw):
    version(rgw)

    measured = rgw.probe_capabilities()

    assert measured.versioned
    assert not measured.create_only_put  # this gateway forgets the condition then
    assert versions(rgw) == []


# --- deletion ----------------------------------------------------------------------------------


def version(adapter: S3Adapter, status: BucketVersioningStatusType = "Enabled") -> None:
    adapter.bucket.client.put_bucket_versioning(
        Bucket=adapter.bucket.name, VersioningConfiguration={"Status": status}
    )


def versions(adapter: S3Adapter) -> list[str]:
    found = adapter.bucket.client.list_object_versions(Bucket=adapter.bucket.name)
    return [each["Key"] for each in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]]


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_no_version_of_a_deleted_object_is_left(rgw, status):
    client, name = rgw.bucket.client, rgw.bucket.name
    client.put_object(Bucket=name, Key=KEY, Body=b"before versioning")
    version(rgw)
    for body in (b"one", b"two"):
        client.put_object(Bucket=name, Key=KEY, Body=body)
    client.delete_object(Bucket=name, Key=KEY)  # a delete marker: the bytes are still there
    client.put_object(Bucket=name, Key=KEY + ".jpg", Body=b"begins alike")
    version(rgw, status)

    deletion = rgw.delete([KEY, "never/there"])

    assert deletion.confirmed == dict.fromkeys([KEY, "never/there"], "versions_clean")
    assert versions(rgw) == [KEY + ".jpg"]


def test_a_delete_marker_is_not_absence__W1_2(rgw):
    """Where the policy hides that the bucket is versioned, the marker itself says so."""
    client, name = rgw.bucket.client, rgw.bucket.name
    version(rgw)
    client.put_object(Bucket=name, Key=KEY, Body=BODY)
    client.put_bucket_policy(
        Bucket=name,
        Policy=f"""{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny",
        "Principal": "*", "Action": ["s3:GetBucketVersioning", "s3:ListBucketVersions"],
        "Resource": "arn:aws:s3:::{name}"}}]}}""",
    )

    deletion = rgw.delete([KEY])

    assert deletion.confirmed == {}
    assert deletion.failed == {KEY: "still_there"}


def test_a_bucket_that_forbids_deleting_confirms_nothing(rgw):
    client, name = rgw.bucket.client, rgw.bucket.name
    client.put_object(Bucket=name, Key=KEY, Body=BODY)
    client.put_bucket_policy(
        Bucket=name,
        Policy=f"""{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny",
        "Principal": "*", "Action": ["s3:DeleteObject"],
        "Resource": "arn:aws:s3:::{name}/*"}}]}}""",
    )

    deletion = rgw.delete([KEY])

    assert deletion.confirmed == {}
    assert deletion.failed == {KEY: "storage_unavailable"}


def test_parts_of_an_upload_that_was_killed_go_with_the_object(rgw):
    client, name = rgw.bucket.client, rgw.bucket.name
    for key in (KEY, KEY + "-of-another"):
        upload = client.create_multipart_upload(Bucket=name, Key=key)
        client.upload_part(
            Bucket=name, Key=key, UploadId=upload["UploadId"], PartNumber=1, Body=BODY
        )

    assert rgw.delete([KEY]).confirmed.keys() == {KEY}

    left = client.list_multipart_uploads(Bucket=name).get("Uploads", [])
    assert [each["Key"] for each in left] == [KEY + "-of-another"]


def test_the_location_is_part_of_the_name_only(s3_store, rgw_server, bucket, http):
    adapter = s3_store(rgw_server, bucket(rgw_server), location="site one/media")

    assert send(http, signed(adapter)) == 200

    listed = adapter.bucket.client.list_objects_v2(Bucket=adapter.bucket.name)["Contents"]
    assert [each["Key"] for each in listed] == ["site one/media/" + KEY]
    url = adapter.sign_get(KEY, content_type=TYPE, disposition=None, ttl=60)
    assert http.request("GET", url).data == BODY
    assert re.fullmatch(r"http://[^/]+/[^/]+/site%20one/media/" + KEY, adapter.public_url(KEY))
    assert adapter.delete([KEY]).confirmed.keys() == {KEY}
