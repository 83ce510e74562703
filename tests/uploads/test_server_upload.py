"""An upload through the server: the same steps, written down first, never whole in memory."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db import transaction
from pytest_django import Settings

from rindle_django import upload
from rindle_django.errors import Misconfigured
from rindle_django.models import Asset, StoredObject, UploadSession
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.testing import drain_jobs
from tests.kit import (
    JPEG,
    code_of,
    declared,
    edges,
    files_in,
    fresh,
    ledger_keys,
    named,
    queued_jobs,
    settle,
)
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_takes_the_same_road_as_any_other():
    asset = upload("photo", named(JPEG, "holiday.jpg"), actor="someone")
    assert (asset.state, asset.actor, asset.filename) == ("validating", "someone", "holiday.jpg")
    assert edges(asset, "session") == [
        ">initialized",
        "initialized>verifying",
        "verifying>completed",
    ]
    assert queued_jobs() == [{"asset_id": str(asset.pk)}]


def test_a_form_field_and_a_temporary_file_are_taken_as_they_come():
    with TemporaryUploadedFile("big.jpg", "image/jpeg", len(JPEG), None) as spooled:
        spooled.write(JPEG)
        spooled.seek(0)
        assets = [
            upload("photo", SimpleUploadedFile("small.jpg", JPEG, "image/jpeg")),
            upload("photo", spooled),
            upload("photo", io.BytesIO(JPEG), filename="stream.jpg"),
        ]
    drain_jobs()
    assert {fresh(asset).state for asset in assets} == {"ready"}


def test_the_bytes_that_count_are_counted_not_believed__U14(sky: Sky):
    upload("photo", io.BytesIO(JPEG), filename="a.jpg")
    assert Asset.objects.get().byte_size == len(JPEG)


def test_the_type_goes_to_the_storage_with_the_bytes__U14_X9(sky: Sky):
    upload("photo", named(JPEG, "a.jpg"))
    [(_, options)] = sky.arguments_of("put_stream")
    assert options["content_type"] == "image/jpeg"
    assert options["length"] == len(JPEG)


def test_the_key_is_written_down_before_the_first_byte__U14_U3(sky: Sky):
    seen: list[str] = []
    sky.before("put_stream", lambda: seen.extend(ledger_keys("expected")))
    upload("photo", named(JPEG, "a.jpg"))
    [((key, _), _)] = sky.arguments_of("put_stream")
    assert seen == [key]


@pytest.mark.parametrize("failure", [OSError("full"), RuntimeError("bug"), KeyboardInterrupt()])
def test_a_crash_while_sending_leaves_nothing_unaccounted_for__U14(
    sky: Sky, failure: BaseException, media_folder: Path
):
    def fail() -> None:
        raise failure

    sky.before("put_stream", fail)
    with pytest.raises(type(failure)):
        upload("photo", named(JPEG, "a.jpg"))
    assert queued_jobs() == []
    sky.clear_up()
    UploadSession.objects.update(expires_at=UploadSession.objects.get().created_at)
    settle(Asset.objects.get().pk)
    abort_incomplete_uploads()
    cleanup_orphans(dry_run=False)
    assert not Asset.objects.exists()
    assert set(StoredObject.objects.values_list("state", flat=True)) == {"gone"}
    assert files_in(media_folder) == set()


def test_a_crash_after_sending_is_collected_too__U14(sky: Sky, media_folder: Path):
    def fail() -> None:
        raise OSError("the process was stopped")

    sky.before("stat", fail)
    with pytest.raises(OSError, match="stopped"):
        upload("photo", named(JPEG, "a.jpg"))
    sky.clear_up()
    assert files_in(media_folder) == ledger_keys("expected")
    UploadSession.objects.update(expires_at=UploadSession.objects.get().created_at)
    settle(Asset.objects.get().pk)
    abort_incomplete_uploads()
    cleanup_orphans(dry_run=False)
    assert files_in(media_folder) == set()


def test_it_refuses_to_send_inside_a_transaction(media_folder: Path):
    with pytest.raises(Misconfigured) as refusal, transaction.atomic():
        upload("photo", named(JPEG, "a.jpg"))
    assert refusal.value.code == "io_in_transaction"
    assert "non_atomic_requests" in str(refusal.value)
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


def test_an_outage_while_sending_is_said_as_such(sky: Sky):
    sky.break_down("put_stream")
    assert code_of(upload, "photo", named(JPEG, "a.jpg")) == "storage_unavailable"


def test_the_authorizer_decides_before_the_file_is_looked_at():
    class Closed:
        name = "secret.jpg"
        size = 10

        def read(self, *_: object) -> bytes:
            raise AssertionError("it was read")

    closed: Any = Closed()
    assert code_of(upload, "guarded", closed) == "not_allowed"


def test_a_file_is_never_whole_in_memory(settings: Settings):
    size = 48 << 20

    class Zeros(io.RawIOBase):
        left = size

        def read(self, wanted: int = -1) -> bytes:
            given = min(self.left, wanted if wanted >= 0 else self.left)
            self.left -= given
            return bytes(given)

    zeros: Any = Zeros()
    with declared("large", max_bytes=size):
        tracemalloc.start()
        try:
            asset = upload("large", zeros, filename="a.jpg")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert asset.byte_size == size
    assert peak < 8 << 20
