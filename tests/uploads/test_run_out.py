"""Uploads whose time is over, and what cleanup makes of them and of others nobody needs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from rindle_django import sign_upload, verify_upload
from rindle_django.conf import database
from rindle_django.models import Asset, StoredObject, UploadSession
from rindle_django.operations import cleanup
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.storage import adapter_for
from rindle_django.testing import drain_jobs
from rindle_django.uploads import expire_session
from tests.kit import (
    JPEG,
    arrive,
    files_in,
    fresh,
    ledger_keys,
    promise,
    run_out,
    session_of,
    settle,
    stage,
)
from tests.storms import Sky
from tests.uploads.ends import end_by

pytestmark = pytest.mark.django_db(transaction=True)


# --- run out -----------------------------------------------------------------------------------


def test_expiry_spares_an_upload_whose_time_is_not_over():
    session = session_of(promise())
    assert expire_session(session) is False
    assert UploadSession.objects.get(pk=session.pk).state == "initialized"


def test_expiry_never_touches_a_verified_upload__U1_W1_1(media_folder: Path):
    """The reaper chose the session while it was open; the client verified; the reaper goes on."""
    ticket = promise()
    stage(ticket.asset_id, JPEG)
    chosen = session_of(ticket)
    verify_upload(ticket.ticket)
    run_out(ticket)
    assert expire_session(chosen) is False
    cleanup_orphans(dry_run=False)
    drain_jobs()
    session = session_of(ticket)
    assert (session.state, session.asset.state) == ("completed", "ready")
    assert files_in(media_folder) == ledger_keys("present")


@pytest.mark.parametrize("state", ["initialized", "signed"])
def test_an_upload_left_in_any_open_state_is_reaped_with_its_rows__U8_D14(
    state: str, media_folder: Path
):
    ticket = promise()
    if state == "signed":
        sign_upload(ticket.ticket)
        stage(ticket.asset_id, JPEG)
    run_out(ticket)
    assert abort_incomplete_uploads().sessions_aborted == 1
    assert abort_incomplete_uploads().sessions_found == 0
    settle(ticket.asset_id)
    assert cleanup_orphans(dry_run=False).sessions_deleted == 1
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()
    assert cleanup_orphans(dry_run=False).assets_found == 0


@pytest.mark.parametrize("end", ["aborted", "failed"])
def test_aborted_and_failed_uploads_are_collected_too__U8(end: str, media_folder: Path):
    ticket = promise()
    end_by(ticket, end)
    settle(ticket.asset_id)
    cleanup_orphans(dry_run=False)
    assert not Asset.objects.exists()
    assert not UploadSession.objects.exists()
    assert files_in(media_folder) == set()


def test_cleaning_up_what_never_arrived_is_no_error__U10():
    ticket = promise()
    run_out(ticket)
    abort_incomplete_uploads()
    settle(ticket.asset_id)
    report = cleanup_orphans(dry_run=False)
    assert (report.storage_errors, report.objects_deleted, report.sessions_deleted) == (0, 1, 1)


def test_a_key_that_a_slow_client_may_still_write_is_kept_until_then():
    ticket = promise()
    sign_upload(ticket.ticket)
    run_out(ticket)
    abort_incomplete_uploads()
    report = cleanup_orphans(dry_run=False)
    assert (report.objects_waiting, report.objects_deleted, report.sessions_deleted) == (1, 0, 0)
    stage(ticket.asset_id, JPEG)  # the slow client comes in
    settle(ticket.asset_id)
    drain_jobs(early=True)
    assert not Asset.objects.exists()
    assert ledger_keys("gone") == ledger_keys("gone", "present", "doomed", "expected")


def test_each_upload_is_cleaned_up_in_its_own_storage__U9(media_folder: Path, tmp_path: Path):
    tickets = [promise(profile=name) for name in ("photo", "open")]
    for ticket in tickets:
        stage(ticket.asset_id, JPEG)
        run_out(ticket)
        settle(ticket.asset_id)
    abort_incomplete_uploads()
    assert cleanup_orphans(dry_run=False, storage="public").objects_deleted == 1
    assert (len(files_in(media_folder)), len(files_in(tmp_path / "public"))) == (1, 0)
    assert cleanup_orphans(dry_run=False).objects_deleted == 1
    assert files_in(media_folder) == set()


def test_a_storage_that_balks_keeps_the_rows_and_the_others_go_on__U9_W1_2(sky: Sky):
    tickets = [promise(profile=name) for name in ("photo", "open")]
    for ticket in tickets:
        stage(ticket.asset_id, JPEG)
        run_out(ticket)
        settle(ticket.asset_id)
    abort_incomplete_uploads()
    sky.break_down("delete")
    report = cleanup_orphans(dry_run=False)
    assert (report.storage_errors, report.sessions_deleted) == (1, 1)
    assert StoredObject.objects.get(asset_id=tickets[0].asset_id).state == "doomed"
    sky.clear_up()
    assert cleanup_orphans(dry_run=False).sessions_deleted == 1


def test_a_dry_run_only_counts():
    ticket = promise()
    run_out(ticket)
    assert abort_incomplete_uploads(dry_run=True).sessions_found == 1
    assert session_of(ticket).state == "initialized"
    abort_incomplete_uploads()
    settle(ticket.asset_id)
    report = cleanup_orphans()
    assert (report.dry_run, report.sessions_found, report.sessions_deleted) == (True, 1, 0)
    assert session_of(ticket).state == "expired"


def test_quarantined_assets_go_after_their_time_and_not_before__D14(settings: Settings):
    asset = arrive(b"not an image at all")
    drain_jobs()
    settle(asset.pk)
    cleanup_orphans(dry_run=False)
    assert fresh(asset).state == "quarantined"
    settings.RINDLE = {**settings.RINDLE, "QUARANTINE_TTL": 0}
    cleanup_orphans(dry_run=False)
    assert not Asset.objects.exists()
    assert ledger_keys("present", "expected", "doomed") == set()


def test_unattached_assets_go_after_the_time_that_is_set__D14(settings: Settings):
    asset = arrive(JPEG, profile="plain")
    drain_jobs()
    cleanup_orphans(dry_run=False)
    assert fresh(asset).state == "ready"
    settings.RINDLE = {**settings.RINDLE, "UNATTACHED_TTL": 0}
    settle(asset.pk)
    cleanup_orphans(dry_run=False)
    assert not Asset.objects.exists()


def test_maintenance_uses_the_one_database_that_holds_the_rows__D15():
    """No second connection, no other alias: what reads is what writes."""
    assert {model.objects.all().db for model in (Asset, UploadSession, StoredObject)} == {
        database()
    }


def test_many_uploads_are_reaped_in_a_bounded_number_of_batches__U23(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(cleanup, "BATCH", 3)
    for _ in range(7):
        run_out(promise())
    assert abort_incomplete_uploads(limit=4).sessions_aborted == 4
    assert abort_incomplete_uploads().sessions_aborted == 3


def test_a_capability_decides_how_long_a_key_stays_writable():
    """Our own view asks whether the upload is open; a signed URL of S3 cannot be taken back."""
    assert adapter_for("default").capabilities.revocable_put is True
    asset = arrive(JPEG)
    assert StoredObject.objects.get(asset=asset).settles_at <= asset.created_at + timedelta(  # type: ignore[operator]
        seconds=60
    )
