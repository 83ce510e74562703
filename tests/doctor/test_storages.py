"""What the doctor says of storages: by using them, against real servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from pytest_django import Settings

from rindle_django import HLSRecipe
from rindle_django.models import StoredObject
from rindle_django.operations.doctor import diagnose, storages
from rindle_django.operations.reconcile import reconcile
from rindle_django.storage import adapter_for
from rindle_django.storage.s3 import S3Adapter
from rindle_django.storage.s3.cors import cors_rule
from rindle_django.testing import drain_jobs
from tests.doctor.signs import said_by, told
from tests.kit import declared, files_in, fresh, ready, settle
from tests.rows import object_in
from tests.servers.endpoint import S3Endpoint
from tests.servers.faults import FaultyServer, error
from tests.servers.fixtures import BucketFactory
from tests.storms import Sky, sky
from tests.verify_storage.scene import lost, unchanged, verify

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["sky"]
ROUND_TRIP = "storages.round_trip"
Bucket = tuple[S3Endpoint, str]


# --- round trip --------------------------------------------------------------------------------


def test_each_storage_in_use_is_tried_and_nothing_is_left__C2_26(media_folder: Path):
    with unchanged():
        found = diagnose(only=[ROUND_TRIP])
    assert [each.status for each in found] == ["ok", "ok"]
    assert [each.finding.partition(":")[0] for each in found] == ["default", "public"]
    assert files_in(media_folder) == set()
    assert said_by("invariants") == []


def test_a_storage_that_is_down_is_named_and_the_others_are_still_tried__C2_26(sky: Sky):
    sky.break_down("put_stream")
    diagnosis = told(ROUND_TRIP)
    assert diagnosis.status == "error"
    assert "Storage 'default'" in diagnosis.finding
    assert "thunder" in diagnosis.finding
    assert [each.status for each in diagnose(only=[ROUND_TRIP])] == ["error", "ok"]


def test_a_storage_that_does_not_answer_is_waited_for_once(sky: Sky):
    sky.break_down("put_stream", "stat")
    calls = sky.calls
    told_of = [each for each in diagnose(only=["storages"]) if each.check != "storages.verified"]
    found = [each for each in told_of if "'default'" in each.finding]
    assert [each.status for each in found if "not looked at" not in each.finding] == ["error"]
    unseen = [each for each in found if "not looked at" in each.finding]
    assert {each.status for each in unseen} == {"warn"}
    assert len(unseen) == 7
    assert calls["put_stream"] == 1


def test_the_key_is_in_the_ledger_before_the_storage_is_touched(sky: Sky):
    seen: list[str] = []
    sky.before(
        "put_stream", lambda: seen.extend(StoredObject.objects.values_list("state", flat=True))
    )
    diagnose(only=[ROUND_TRIP])
    assert seen == ["expected"]


def test_a_write_that_may_still_come_is_waited_for_and_deleted(sky: Sky, media_folder: Path):
    class Died(BaseException):
        pass

    def die() -> None:
        raise Died

    sky.before("stat", die)  # right after the write
    with pytest.raises(Died):
        diagnose(only=[ROUND_TRIP])
    sky.clear_up()
    (stored,) = StoredObject.objects.filter(storage="default")
    assert stored.state in ("doomed", "gone")
    settle(stored.asset_id)
    reconcile()
    drain_jobs()
    assert files_in(media_folder) == set()


def test_a_storage_that_will_not_delete_is_named(sky: Sky):
    sky.break_down("delete")
    assert "does not confirm a deletion" in told(ROUND_TRIP).finding
    (stored,) = StoredObject.objects.filter(storage="default")
    assert (stored.state, stored.reason_code) == ("doomed", "storage_unavailable")


def test_storages_are_never_touched_inside_a_transaction():
    with transaction.atomic():
        (diagnosis,) = diagnose(only=[ROUND_TRIP])
    assert "inside a database transaction" in diagnosis.finding
    assert not StoredObject.objects.exists()


def test_an_alias_that_is_gone_from_the_settings_is_named():
    with declared("moved", storage="nowhere"):
        assert "nowhere" in told(ROUND_TRIP).finding
    object_in("present", asset=_asset_in_another_storage())
    assert "'archive'" in told(ROUND_TRIP).finding


def _asset_in_another_storage() -> Any:
    from tests.rows import asset_in

    return asset_in("ready", storage="archive")


def test_a_folder_that_cannot_be_written_is_named(settings: Settings, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"in the way")
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**default, "OPTIONS": {"location": tmp_path / "file" / "below"}},
    }
    assert told(ROUND_TRIP).status == "error"


def test_a_file_system_without_hard_links_is_said(media_folder: Path):
    from tests.storage.linkless import without_links

    media_folder.mkdir()
    (media_folder.parent / "public").mkdir()
    assert said_by("storages.folder") == []
    found = without_links(_and_hang_up, said_by, "storages.folder")
    assert [each.status for each in found] == ["warn", "warn"]
    assert "no hard links" in found[0].finding
    assert list((media_folder / ".rindle-tmp").iterdir()) == []


def _and_hang_up(ask: Callable[..., Any], *args: Any) -> Any:
    try:
        return ask(*args)
    finally:
        connections.close_all()


# --- S3 ----------------------------------------------------------------------------------------


@pytest.fixture
def use(settings: Settings) -> Callable[..., None]:
    """Makes the default storage a bucket of a server."""

    def use(endpoint: S3Endpoint, name: str, **options: Any) -> None:
        settings.STORAGES = {**settings.STORAGES, "default": endpoint.storage(name, **options)}

    return use


@pytest.fixture
def moto(s3_server: S3Endpoint, bucket: BucketFactory, use: Callable[..., None]) -> Bucket:
    name = bucket(s3_server)
    use(s3_server, name)
    return s3_server, name


@pytest.fixture
def ceph(rgw_server: S3Endpoint, bucket: BucketFactory, use: Callable[..., None]) -> Bucket:
    name = bucket(rgw_server)
    use(rgw_server, name)
    return rgw_server, name


def of_default(check: str) -> list[tuple[str, str]]:
    return [(each.status, each.finding) for each in said_by(check) if "'default'" in each.finding]


def keys(at: Bucket) -> list[str]:
    endpoint, name = at
    found = endpoint.client().list_object_versions(Bucket=name)
    return [each["Key"] for each in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]]


def test_a_bucket_is_tried_and_nothing_is_left__C2_26(moto: Bucket):
    assert of_default(ROUND_TRIP) == []
    assert keys(moto) == []


@pytest.mark.parametrize(
    "options", [{"bucket_name": "not-there"}, {"endpoint_url": "http://127.0.0.1:9"}]
)
def test_a_bucket_that_is_not_there_is_named__C2_26(
    options: dict[str, Any], moto: Bucket, use: Callable[..., None]
):
    endpoint, name = moto
    storage = endpoint.storage(name)["OPTIONS"] | options
    use(endpoint, storage.pop("bucket_name"), **storage)
    for check in (ROUND_TRIP, "storages.cors", "storages.lifecycle", "storages.clock"):
        ((status, _),) = of_default(check)
        assert status == "error"


def test_a_bucket_without_cors_is_named(moto: Bucket, settings: Settings):
    assert of_default("storages.cors") == [
        ("error", "Storage 'default': The bucket has no CORS rule: browsers cannot upload.")
    ]
    settings.ROOT_URLCONF = "tests.doctor.test_storages"  # a site that gives out no uploads
    assert [status for status, _ in of_default("storages.cors")] == ["warn"]


urlpatterns: list[Any] = []


def allow(at: Bucket, **changes: Any) -> None:
    endpoint, name = at
    rule: Any = {**cors_rule(["https://www.example.com"]), **changes}
    endpoint.client().put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})


def test_the_rule_of_the_guide_is_enough(moto: Bucket, settings: Settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://www.example.com"]
    allow(moto)
    assert of_default("storages.cors") == []


@pytest.mark.parametrize(
    ("changes", "lacks"),
    [
        ({"AllowedOrigins": ["https://other.example"]}, "no CORS rule of the bucket is for them"),
        ({"AllowedMethods": ["GET", "HEAD"]}, "no CORS rule allows PUT"),
        ({"AllowedHeaders": ["content-type"]}, "the headers if-none-match, x-amz-checksum-sha256"),
    ],
)
def test_what_a_rule_lacks_is_named(
    changes: dict[str, Any], lacks: str, moto: Bucket, settings: Settings
):
    settings.CSRF_TRUSTED_ORIGINS = ["https://www.example.com"]
    allow(moto, **changes)
    ((status, finding),) = of_default("storages.cors")
    assert status == "error"
    assert "https://www.example.com cannot upload" in finding
    assert lacks in finding


@pytest.mark.parametrize(
    "changes",
    [
        {"AllowedOrigins": ["*"]},
        {"AllowedOrigins": ["https://*.example.com"]},
        {"AllowedHeaders": ["*"]},
        {"AllowedHeaders": ["Content-Type", "If-None-Match", "x-amz-*"]},
    ],
)
def test_wildcards_are_understood(changes: dict[str, Any], moto: Bucket, settings: Settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://www.example.com"]
    allow(moto, **changes)
    assert of_default("storages.cors") == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"AllowedOrigins": ["*"]}, []),
        ({"AllowedMethods": ["PUT"]}, ["error"]),
        ({"AllowedOrigins": ["https://other.example"]}, ["error"]),
    ],
)
def test_a_bucket_of_streams_has_to_let_players_read(
    changes: dict[str, Any], said: list[str], moto: Bucket, settings: Settings
):
    settings.CSRF_TRUSTED_ORIGINS = ["https://www.example.com"]
    allow(moto, **changes)
    assert of_default("storages.playback") == []  # there are no streams
    with declared("films", variants={"stream": HLSRecipe()}):
        found = of_default("storages.playback")
    assert [status for status, _ in found] == said
    assert all("https://www.example.com cannot play streams" in finding for _, finding in found)


def test_encryption_headers_that_are_signed_have_to_be_allowed(
    moto: Bucket, use: Callable[..., None], settings: Settings
):
    settings.CSRF_TRUSTED_ORIGINS = ["https://www.example.com"]
    use(*moto, object_parameters={"ServerSideEncryption": "aws:kms"})
    allow(moto, AllowedHeaders=["content-type", "if-none-match", "x-amz-checksum-sha256"])
    ((_, finding),) = of_default("storages.cors")
    assert "x-amz-server-side-encryption" in finding


def test_origins_are_those_that_django_trusts_or_serves(settings: Settings):
    settings.ALLOWED_HOSTS = ["www.example.com", ".example.org", "*"]
    assert storages.origins() == ["https://www.example.com"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://a.example"]
    assert storages.origins() == ["https://a.example"]


def ruled(at: Bucket, rule: dict[str, Any]) -> list[tuple[str, str]]:
    endpoint, name = at
    whole: Any = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, **rule}
    endpoint.client().put_bucket_lifecycle_configuration(
        Bucket=name, LifecycleConfiguration={"Rules": [whole]}
    )
    return of_default("storages.lifecycle")


DAYS = {"Expiration": {"Days": 30}}


@pytest.mark.parametrize(
    "rule",
    [
        DAYS,
        {**DAYS, "Filter": {"Prefix": "originals/"}},
        {**DAYS, "Filter": {"Prefix": "variants/ab/"}},
        {**DAYS, "Filter": {"Prefix": "orig"}},
        {"Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]},
    ],
)
def test_a_rule_that_takes_live_data_is_named(rule: dict[str, Any], moto: Bucket):
    ((status, finding),) = ruled(moto, rule)
    assert status == "error"
    assert "Lifecycle rule 'tidy'" in finding
    assert "live data" in finding


@pytest.mark.parametrize(
    "rule",
    [
        {**DAYS, "Filter": {"Prefix": "incoming/"}},
        {**DAYS, "Filter": {"Prefix": "backups/"}},
        {**DAYS, "Status": "Disabled"},
        {**DAYS, "Filter": {"Tag": {"Key": "a", "Value": "b"}}},
        {"Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}]},
        {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}},
    ],
)
def test_a_rule_that_takes_no_live_data_is_none_of_our_business(rule: dict[str, Any], moto: Bucket):
    assert ruled(moto, rule) == []


def test_a_rule_that_takes_uploads_too_soon_is_said(moto: Bucket):
    rule = {"Expiration": {"Days": 1}, "Filter": {"Prefix": "incoming/"}}
    ((status, _),) = ruled(moto, rule)
    assert status == "warn"


def test_a_rule_is_compared_with_where_the_storage_puts_things(
    moto: Bucket, use: Callable[..., None]
):
    use(*moto, location="site")
    assert ruled(moto, {**DAYS, "Filter": {"Prefix": "originals/"}}) == []
    ((status, _),) = ruled(moto, {**DAYS, "Filter": {"Prefix": "site/"}})
    assert status == "error"


def test_what_a_simulator_does_not_refuse_is_named_guarantee_by_guarantee(moto: Bucket):
    weaker = of_default("storages.capabilities")
    assert weaker
    assert {status for status, _ in weaker} <= {"warn"}
    assert any("binds_checksum" in finding for _, finding in weaker)
    assert keys(moto) == []


def test_what_a_killed_probe_left_is_swept(moto: Bucket):
    endpoint, name = moto
    for key in ("probes/0/0", "probes/1/taken", "originals/ab/mine", "probesque"):
        endpoint.client().put_object(Bucket=name, Key=key, Body=b"left")
    adapter = adapter_for("default")
    assert adapter.sweep_temp(3600) == 0
    assert adapter.sweep_temp(-5) == 2
    assert sorted(keys(moto)) == ["originals/ab/mine", "probesque"]


@pytest.mark.rgw
def test_a_server_that_refuses_keeps_what_it_promises_but_for_what_is_named(ceph: Bucket):
    weaker = [finding for _, finding in of_default("storages.capabilities")]
    assert all("binds_checksum" in finding or "create_only" in finding for finding in weaker)
    for _, finding in of_default("storages.conditions"):
        assert "in parts" in finding
    assert keys(ceph) == []


@pytest.mark.rgw
def test_versions_of_what_was_tried_are_removed_too(ceph: Bucket):
    endpoint, name = ceph
    endpoint.client().put_bucket_versioning(
        Bucket=name, VersioningConfiguration={"Status": "Enabled"}
    )
    for check in (ROUND_TRIP, "storages.capabilities", "storages.conditions"):
        assert all(status == "warn" for status, _ in of_default(check))
    assert keys(ceph) == []


@contextmanager
def a_clock_that_is_off(seconds: float) -> Iterator[str]:
    """A server that answers every HEAD with its own time; yields its address."""

    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(200)
            self.send_header("Date", formatdate(time.time() + seconds, usegmt=True))
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.mark.parametrize(("off", "status"), [(0, None), (30, "warn"), (-7200, "error")])
def test_a_storages_clock_that_is_off_is_said(
    off: int, status: str | None, use: Callable[..., None]
):
    with a_clock_that_is_off(off) as address:
        use(S3Endpoint(address, "key", "secret"), "bucket")
        found = of_default("storages.clock")
    assert [each for each, _ in found] == ([status] if status else [])


def test_a_real_servers_clock_is_read(moto: Bucket):
    found = adapter_for("default").clock()
    assert found == pytest.approx(time.time(), abs=5)
    assert of_default("storages.clock") == []


def test_credentials_that_may_not_ask_are_only_a_warning(moto: Bucket, use: Callable[..., None]):
    endpoint, name = moto
    with FaultyServer(endpoint).running() as server:
        server.fail(error(403, "AccessDenied"), when=lambda exchange: exchange.method == "GET")
        use(server.endpoint, name)
        for check in ("storages.cors", "storages.lifecycle"):
            ((status, finding),) = of_default(check)
            assert status == "warn"
            assert "cannot be read (AccessDenied)" in finding


def test_an_adapter_without_a_setup_has_nothing_to_be_said_of():
    from rindle_django.storage import EXAMINED, Adapter

    assert set(EXAMINED) == {"cors", "playback", "lifecycle", "conditions", "folder"}
    assert {"examine", "clock"} <= Adapter.TOUCHES_STORAGE
    assert {"examine", "clock"} <= vars(S3Adapter).keys()


# --- what verification has seen ----------------------------------------------------------------


def test_a_storage_that_was_never_verified_is_said():
    ready()
    assert "never compared" in told("storages.verified").finding
    verify()
    assert said_by("storages.verified") == []


def test_a_verification_of_long_ago_is_said():
    from django.db import connection

    ready()
    verify()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rindle_storagescan SET finished_at = now() - interval '60 days'")
    assert "60 days ago" in told("storages.verified").finding


def test_an_original_that_was_lost_is_an_error_with_its_asset__C2_21():
    asset = ready()
    assert said_by("storages.losses") == []
    lost(fresh(asset).original)
    verify()
    diagnosis = told("storages.losses")
    assert diagnosis.status == "error"
    assert "1 original that the storage no longer has" in diagnosis.finding
    assert f"asset {asset.pk}." in diagnosis.finding
