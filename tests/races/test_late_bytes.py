"""A slow client, whose bytes arrive when their upload is over."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from rindle_django import UploadTicket, sign_upload, verify_upload
from rindle_django.models import Asset, StoredObject
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.storage import SignedRequest, adapter_for
from rindle_django.testing import drain_jobs
from tests.crowd import PATIENCE, Doze, Somebody
from tests.kit import JPEG, files_in, ledger_keys, promise, run_out, session_of, settle
from tests.servers.endpoint import S3Endpoint
from tests.servers.faults import Answer, Exchange, FaultyServer
from tests.servers.fixtures import BucketFactory
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)


def stored() -> set[str]:
    """Everything that lies in the storage, by its own listing."""
    return {each.key for each in adapter_for("default").list_objects()}


def expire(ticket: UploadTicket) -> None:
    run_out(ticket)
    assert abort_incomplete_uploads().sessions_aborted == 1
    assert session_of(ticket).state == "expired"


def swept_in_time(ticket: UploadTicket) -> None:
    """Kept as long as a client could be writing, and gone after that."""
    cleanup_orphans(dry_run=False)
    assert Asset.objects.get(pk=ticket.asset_id).state == "deleted"
    assert stored() == ledger_keys("doomed") != set()
    settle(ticket.asset_id)
    report = cleanup_orphans(dry_run=False)
    assert (report.sessions_deleted, report.storage_errors) == (1, 0)
    assert stored() == set()
    assert not Asset.objects.exists()
    assert set(StoredObject.objects.values_list("state", flat=True)) == {"gone"}


# --- through our own server, to a file system --------------------------------------------------


def sending(sky: Sky, ticket: UploadTicket) -> tuple[Doze, Somebody]:
    """A client whose request was let in, and whose bytes take their time."""
    doze = Doze()
    sky.before("put_stream", doze)
    url = sign_upload(ticket.ticket).url
    return doze, Somebody(lambda: Client().put(url, JPEG, content_type="image/jpeg").status_code)


def test_bytes_that_arrive_after_the_expiry_are_swept__row_28(sky: Sky, media_folder: Path):
    ticket = promise()
    doze, client = sending(sky, ticket)
    doze.during(lambda: expire(ticket))
    assert client.answer() == 201  # nobody could tell it any sooner
    assert len(files_in(media_folder)) == 1
    swept_in_time(ticket)


def test_bytes_that_arrive_after_a_cleanup_are_swept__row_28(sky: Sky, media_folder: Path):
    ticket = promise()
    doze, client = sending(sky, ticket)

    def expired_and_cleaned_up() -> None:
        expire(ticket)
        report = cleanup_orphans(dry_run=False)
        assert (report.sessions_deleted, report.objects_waiting) == (0, 1)

    doze.during(expired_and_cleaned_up)
    assert client.answer() == 201
    assert len(files_in(media_folder)) == 1
    swept_in_time(ticket)


def test_of_bytes_sent_twice_the_slow_ones_leave_nothing_after_the_promotion__row_28(
    sky: Sky, media_folder: Path
):
    """A browser that heard nothing sends its file again; its first request is still under way."""
    ticket = promise()
    doze, client = sending(sky, ticket)

    def sent_again_and_promoted() -> None:
        url = sign_upload(ticket.ticket).url
        assert Client().put(url, JPEG, content_type="image/jpeg").status_code == 201
        verify_upload(ticket.ticket)
        drain_jobs(early=True)
        assert files_in(media_folder) == ledger_keys("present")

    doze.during(sent_again_and_promoted)
    assert client.answer() == 201
    drain_jobs()
    assert files_in(media_folder) == ledger_keys("present")


# --- straight to S3 ----------------------------------------------------------------------------


class SlowRoad:
    """A way to the server on which a PUT waits until it is let through."""

    def __init__(self) -> None:
        self.arrived, self.open = threading.Event(), threading.Event()

    def __call__(self, exchange: Exchange) -> Answer:
        self.arrived.set()
        assert self.open.wait(PATIENCE)
        return exchange.forward()


@pytest.fixture(
    params=[
        pytest.param("s3_server", id="moto"),
        pytest.param("rgw_server", id="rgw", marks=pytest.mark.rgw),
    ]
)
def road(
    request: pytest.FixtureRequest, bucket: BucketFactory, settings: Settings
) -> Iterator[SlowRoad]:
    """The default storage is a bucket; clients reach it by a slow road."""
    server: S3Endpoint = request.getfixturevalue(request.param)
    road = SlowRoad()
    with FaultyServer(server).running() as outside:
        outside.fail(road, when=lambda exchange: exchange.method == "PUT")
        settings.STORAGES = {**settings.STORAGES, "default": server.storage(bucket(server))}
        settings.RINDLE = {**settings.RINDLE, "S3_PUBLIC_ENDPOINT": outside.endpoint.url}
        yield road
        road.open.set()


def send(signed: SignedRequest) -> int:
    request = urllib.request.Request(
        signed.url, data=JPEG, method=signed.method, headers=dict(signed.headers)
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return int(response.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def on_the_road(ticket: UploadTicket, road: SlowRoad) -> Somebody:
    signed = sign_upload(ticket.ticket)
    client = Somebody(lambda: send(signed))
    assert road.arrived.wait(PATIENCE)
    return client


def test_bytes_that_s3_takes_after_the_expiry_are_swept__row_28(road: SlowRoad):
    ticket = promise()
    client = on_the_road(ticket, road)
    expire(ticket)
    assert stored() == set()
    road.open.set()
    assert client.answer() == 200
    assert len(stored()) == 1
    swept_in_time(ticket)


def test_bytes_that_s3_takes_after_a_cleanup_are_swept__row_28(road: SlowRoad):
    ticket = promise()
    client = on_the_road(ticket, road)
    expire(ticket)
    report = cleanup_orphans(dry_run=False)
    assert (report.sessions_deleted, report.objects_waiting) == (0, 1)
    road.open.set()
    assert client.answer() == 200
    assert len(stored()) == 1
    swept_in_time(ticket)
