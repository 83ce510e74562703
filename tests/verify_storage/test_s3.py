"""Buckets: what a plain listing does not show is found, and an outage is never an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from rindle_django.models import StoredObject
from rindle_django.operations.verify import compare
from rindle_django.purge import discard
from rindle_django.storage import Listed, adapter_for
from rindle_django.storage.s3 import S3Adapter
from rindle_django.testing import drain_jobs
from tests.kit import fresh, ready
from tests.servers.endpoint import S3Endpoint
from tests.servers.faults import Answer, Exchange, FaultyServer, cut_short, error
from tests.servers.fixtures import BucketFactory
from tests.verify_storage.scene import (
    gallery,
    key_of_ours,
    keys_in,
    lost,
    sighted,
    stray,
    unchanged,
    variant,
    verify,
)

pytestmark = pytest.mark.django_db(transaction=True)

SERVERS = [
    pytest.param("s3_server", id="moto"),
    pytest.param("rgw_server", id="rgw", marks=pytest.mark.rgw),
]


class Bucket:
    """A bucket behind the default storage, and a client to look behind the library's back."""

    def __init__(self, endpoint: S3Endpoint, name: str) -> None:
        self.endpoint, self.name = endpoint, name
        self.client = endpoint.client()

    def keep_versions(self) -> Bucket:
        self.client.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )
        return self

    def put(self, key: str, body: bytes = b"x") -> str:
        self.client.put_object(Bucket=self.name, Key=key, Body=body)
        return key

    def hide(self, key: str) -> str:
        """Delete as S3 does where versions are kept: a marker, and all is still there."""
        self.client.delete_object(Bucket=self.name, Key=key)
        return key

    def begin_upload(self, key: str) -> str:
        upload = self.client.create_multipart_upload(Bucket=self.name, Key=key)
        self.client.upload_part(
            Bucket=self.name, Key=key, UploadId=upload["UploadId"], PartNumber=1, Body=b"part"
        )
        return key

    def continues(self, key: str) -> bool:
        """moto leaves out the first version behind a key that has none itself."""
        found: Any = self.client.list_object_versions(Bucket=self.name, Prefix=key)
        return "moto" not in self.endpoint.access_key or "Versions" in found

    def remains(self) -> int:
        """Versions, markers and unfinished uploads, all that costs money."""
        versions: Any = self.client.list_object_versions(Bucket=self.name)
        uploads: Any = self.client.list_multipart_uploads(Bucket=self.name)
        return sum(
            len(answer.get(part, []))
            for answer, part in (
                (versions, "Versions"),
                (versions, "DeleteMarkers"),
                (uploads, "Uploads"),
            )
        )


@pytest.fixture(params=SERVERS)
def plain(request: pytest.FixtureRequest, settings: Settings, bucket: BucketFactory) -> Bucket:
    endpoint: S3Endpoint = request.getfixturevalue(request.param)
    name = bucket(endpoint)
    settings.STORAGES = {**settings.STORAGES, "default": endpoint.storage(name)}
    return Bucket(endpoint, name)


@pytest.fixture
def versioned(plain: Bucket) -> Bucket:
    return plain.keep_versions()


@pytest.fixture
def faulty(
    s3_server: S3Endpoint, settings: Settings, bucket: BucketFactory, monkeypatch: Any
) -> Iterator[FaultyServer]:
    """The default storage, behind a proxy that can be told to fail."""
    monkeypatch.setattr("rindle_django.storage.s3.bucket.TRIES", 1)
    monkeypatch.setattr(S3Adapter, "page_size", 2)
    name = bucket(s3_server)
    with FaultyServer(s3_server).running() as server:
        settings.STORAGES = {**settings.STORAGES, "default": server.endpoint.storage(name)}
        yield server


def listed(after: str = "") -> list[tuple[str, str]]:
    return [(found.key, found.kind) for found in adapter_for("default").list_objects(after)]


# --- the listing -------------------------------------------------------------------------------


@pytest.mark.parametrize("page_size", [1, 2, 3, 1000])
def test_versions_markers_and_uploads_are_listed_in_one_order(
    versioned: Bucket, page_size: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(S3Adapter, "page_size", page_size)
    versioned.put("originals/b", b"first")
    versioned.put("originals/b", b"second")
    versioned.hide(versioned.put("originals/a"))
    versioned.put("variants/c")
    versioned.begin_upload("incoming/d")
    versioned.begin_upload("originals/b")
    versioned.begin_upload("originals/b")
    versioned.begin_upload("variants/e")
    versioned.put("elsewhere/f")
    versioned.begin_upload("elsewhere/g")

    found = listed()
    keys = [key for key, _ in found]
    assert keys == sorted(keys)
    assert sorted(found) == [
        ("incoming/d", "upload"),
        ("originals/a", "marker"),
        ("originals/a", "version"),
        ("originals/b", "object"),
        ("originals/b", "upload"),
        ("originals/b", "upload"),
        ("originals/b", "version"),
        ("variants/c", "object"),
        ("variants/e", "upload"),
    ]
    for after in {*keys}:
        if versioned.continues(after):
            assert listed(after) == [each for each in found if each[0] > after]


@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_a_listing_is_the_same_however_it_is_paged(
    plain: Bucket, page_size: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(S3Adapter, "page_size", page_size)
    keys = [plain.put(f"variants/{name}") for name in ("a b", "a+b", "a%2Fb", "ä/&", "z" * 200)]
    keys += [plain.put(f"originals/{number}/{number}") for number in range(12)]
    assert [key for key, _ in listed()] == sorted(keys, key=str.encode)


def test_versions_and_uploads_can_be_told_from_each_other(versioned: Bucket):
    versioned.put("originals/a", b"first")
    versioned.put("originals/a", b"other")
    versioned.begin_upload("originals/a")
    things: list[Listed] = list(adapter_for("default").list_objects())
    assert len({found.mark for found in things}) == 3
    assert all(found.mark for found in things)
    assert {found.kind: found.size for found in things} == {"object": 5, "version": 5, "upload": 0}
    now = datetime.now(UTC)
    assert all(found.modified_at < now + timedelta(minutes=1) for found in things)


# --- what is found -----------------------------------------------------------------------------


def test_an_orphan_goes_with_all_its_versions(versioned: Bucket):
    gallery()
    before = versioned.remains()
    key = key_of_ours()
    versioned.put(key)
    versioned.hide(versioned.put(key))
    versioned.hide(versioned.put(key_of_ours()))
    assert verify().orphans_found == 2
    assert versioned.remains() == before + 5

    report = verify()
    assert (report.objects_adopted, report.objects_deleted) == (2, 2)
    assert versioned.remains() == before
    assert StoredObject.objects.get(key=key).state == "gone"


def test_what_a_plain_delete_left_behind_is_found(versioned: Bucket):
    """A key that is gone, of which the bucket still keeps a version."""
    [asset, other] = gallery(2)
    discard(asset.pk)
    drain_jobs(early=True)
    before = versioned.remains()
    gone = StoredObject.objects.filter(state="gone", purpose="original").values_list("key")[0][0]
    versioned.hide(versioned.put(gone))

    assert verify().undead_found == 1
    verify()
    assert versioned.remains() == before
    assert fresh(other).state == "ready"


def test_an_unfinished_upload_without_a_row_is_aborted(plain: Bucket):
    gallery()
    before = plain.remains()
    plain.begin_upload(key_of_ours("incoming"))
    assert verify().orphans_found == 1
    # For moto all uploads began in 2010, long before this ledger.
    assert verify(rules={"max_share": 1}).objects_deleted == 1
    assert plain.remains() == before


@pytest.mark.rgw
def test_an_unfinished_upload_that_is_young_is_left(
    rgw_server: S3Endpoint, settings: Settings, bucket: BucketFactory
):
    name = bucket(rgw_server)
    settings.STORAGES = {**settings.STORAGES, "default": rgw_server.storage(name)}
    gallery()
    Bucket(rgw_server, name).begin_upload(key_of_ours("incoming"))
    assert verify(rules={"min_age": 600}).orphans_found == 0


def test_a_variant_that_is_hidden_by_a_marker_is_missing(versioned: Bucket):
    asset = ready()
    stored = variant(asset).object
    assert stored is not None
    versioned.hide(stored.key)
    verify()
    assert verify(regenerate_missing=True).variants_marked == 1
    drain_jobs(early=True)
    assert variant(asset).state == "ready"
    stored.refresh_from_db()
    assert stored.state == "gone"
    assert stored.key not in keys_in()


def test_an_original_that_is_hidden_by_a_marker_can_still_be_saved(versioned: Bucket):
    [asset] = gallery()
    assert asset.original is not None
    versioned.hide(asset.original.key)
    for _ in range(3):
        assert verify().missing_originals_found == 1
    kinds = [kind for key, kind in listed() if key == asset.original.key]
    assert sorted(kinds) == ["marker", "version"]


def test_a_bucket_below_a_location_is_compared_as_any_other(plain: Bucket, settings: Settings):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": plain.endpoint.storage(plain.name, location="site/Media"),
    }
    [asset] = gallery()
    other = plain.put(key_of_ours())  # of another site, at the bucket's root
    orphan = stray()
    lost(variant(asset).object)
    first = verify()
    assert (first.keys_listed, first.orphans_found, first.missing_found) == (4, 1, 1)
    assert verify().objects_deleted == 1
    names = {each["Key"] for each in plain.client.list_objects_v2(Bucket=plain.name)["Contents"]}
    assert other in names
    assert f"site/Media/{orphan}" not in names


# --- outages -----------------------------------------------------------------------------------


def no_listing(exchange: Exchange) -> Answer:
    return Answer(200, b"", {"Content-Type": "application/xml"})


def another_document(exchange: Exchange) -> Answer:
    return Answer(200, b"<html>Sign in to the network</html>", {"Content-Type": "text/html"})


def for_ever(exchange: Exchange) -> Answer:
    body = b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
    return Answer(200, body, {"Content-Type": "application/xml"})


FAULTS = {
    "denied": error(403, "AccessDenied"),
    "no bucket": error(404, "NoSuchBucket"),
    "not found": error(404, "404"),
    "no key": error(404, "NoSuchKey"),
    "internal": error(500, "InternalError"),
    "slow down": error(503, "SlowDown"),
    "cut": lambda _: None,
    "cut short": cut_short,
    "nothing": no_listing,
    "a login page": another_document,
    "a page without a next": for_ever,
}
Condition = Callable[[Exchange], bool]
PLACES: dict[str, Condition] = {
    "everywhere": lambda _: True,
    "listing": lambda exchange: "list-type=2" in exchange.path,
    "uploads": lambda exchange: exchange.path.split("?")[-1].startswith("uploads"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", FAULTS)
def test_an_outage_changes_no_row__row_16(faulty: FaultyServer, fault: str, place: str):
    [asset] = gallery()
    stray()
    lost(variant(asset).object)
    verify()
    faulty.fail(FAULTS[fault], when=PLACES[place])
    with unchanged():
        report = verify(regenerate_missing=True, rules={"max_share": 1})
    assert (report.storages_unknown, report.failures, report.due) == (1, 1, 0)


@pytest.mark.parametrize("fault", ["denied", "slow down", "cut short", "nothing"])
def test_a_listing_that_breaks_off_concludes_nothing(
    faulty: FaultyServer, fault: str, monkeypatch: pytest.MonkeyPatch
):
    """The pages before the break are kept, the rest is asked again, and only then is acted on."""
    monkeypatch.setattr(compare, "PAGE", 2)
    gallery()
    strays = {stray() for _ in range(4)}
    verify()
    faulty.fail(
        FAULTS[fault],
        when=lambda exchange: "continuation-token" in exchange.path and "variants" in exchange.path,
    )
    report = verify()
    assert (report.storages_unknown, report.objects_adopted) == (1, 0)
    assert 0 < report.keys_listed < 8
    assert strays <= sighted("orphan")

    faulty.heal()
    rest = verify()
    assert rest.keys_listed == 8 - report.keys_listed
    assert rest.objects_deleted == 4
    assert keys_in().isdisjoint(strays)


def test_a_server_without_unfinished_uploads_is_compared_nonetheless(faulty: FaultyServer):
    gallery()
    orphan = stray()
    faulty.fail(error(501, "NotImplemented"), when=PLACES["uploads"])
    verify()
    assert verify().objects_deleted == 1
    assert orphan not in keys_in()


def test_a_server_that_cannot_list_is_unknown(faulty: FaultyServer):
    gallery()
    faulty.fail(error(501, "NotImplemented"), when=PLACES["listing"])
    assert verify().storages_unknown == 1


def test_an_outage_while_variants_are_asked_for_marks_none(faulty: FaultyServer):
    [asset] = gallery()
    lost(variant(asset).object)
    verify()
    faulty.fail(error(403, "403"), when=lambda exchange: exchange.method == "HEAD")
    assert verify().storages_unknown == 1
    assert variant(asset).state == "ready"

    faulty.heal()
    assert verify().variants_marked == 1


def test_an_outage_of_deletion_is_kept_and_told(faulty: FaultyServer):
    gallery()
    orphan = stray()
    verify()
    faulty.fail(error(500, "InternalError"), when=lambda exchange: exchange.method == "POST")
    report = verify()
    assert (report.objects_adopted, report.objects_deleted, report.storage_errors) == (1, 0, 1)
    assert StoredObject.objects.get(key=orphan).state == "doomed"
