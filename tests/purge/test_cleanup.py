"""Cleanup and abort: what time has run out for is found, counted, and removed in its storage."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from rindle_django import abort_upload, attach, initiate_upload, jobs, sign_upload, upload
from rindle_django.errors import RequestRefused
from rindle_django.models import Asset, StoredObject, Transition, UploadSession
from rindle_django.operations import cleanup
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.operations.reconcile import reconcile
from rindle_django.testing import Recorder, drain_jobs
from rindle_django.uploads import UploadTicket
from tests.app.models import Article
from tests.kit import arrive, files_in, fresh, ledger_keys, named, picture, ready, stage
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)


def begun() -> UploadTicket:
    return initiate_upload("photo", filename="a.jpg", content_type="image/jpeg", byte_size=1000)


def time_runs_out(hours: float = 48) -> None:
    past = timedelta(hours=hours)
    UploadSession.objects.update(expires_at=F("expires_at") - past)
    StoredObject.objects.update(settles_at=F("settles_at") - past, wake_at=F("wake_at") - past)
    Asset.objects.update(updated_at=F("updated_at") - past)


def quarantined() -> Asset:
    asset = arrive(b"\xff\xd8 no picture at all")
    drain_jobs()
    assert fresh(asset).state == "quarantined"
    return asset


def run(command: str, *args: str) -> tuple[int, str]:
    """A command's exit code and what it printed."""
    out = StringIO()
    try:
        call_command(command, *args, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def snapshot() -> list[Any]:
    return [
        list(model._default_manager.order_by("pk").values())
        for model in (Asset, UploadSession, StoredObject, Transition)
    ]


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "initialized"])
def test_an_upload_that_nobody_finished_is_expired_and_collected__U8_W1_16_D14(
    signed: bool, media_folder: Path
):
    ticket = begun()
    if signed:
        sign_upload(ticket.ticket)
    stage(ticket.asset_id, b"half a picture")
    time_runs_out()
    assert abort_incomplete_uploads().sessions_aborted == 1
    assert UploadSession.objects.get().state == "expired"
    report = cleanup_orphans(dry_run=False)
    assert (report.sessions_deleted, report.objects_deleted, report.storage_errors) == (1, 1, 0)
    assert not Asset.objects.exists()
    assert not UploadSession.objects.exists()
    assert files_in(media_folder) == set()


def test_an_upload_whose_bytes_never_came_is_collected_too__W1_16(media_folder: Path):
    arrive(picture())  # so that the storage exists, and can say that an object does not
    begun()
    time_runs_out()
    abort_incomplete_uploads()
    assert cleanup_orphans(dry_run=False).sessions_deleted == 1
    assert Asset.objects.count() == 1


def test_an_aborted_upload_is_collected__U8_W1_16(media_folder: Path):
    ticket = begun()
    stage(ticket.asset_id, b"half a picture")
    abort_upload(ticket.ticket)
    time_runs_out()
    cleanup_orphans(dry_run=False)
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


def test_a_failed_upload_is_collected__U8_W1_16(media_folder: Path):
    with pytest.raises(RequestRefused):
        arrive(picture(), declared_size=12)
    assert UploadSession.objects.get().state == "failed"
    time_runs_out()
    cleanup_orphans(dry_run=False)
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


def test_a_refused_file_through_the_server_is_collected__D14(media_folder: Path):
    with pytest.raises(RequestRefused):
        upload("tiny", named(b"\x89PNG" + b"0" * 200_000, "a.png"))
    time_runs_out()
    cleanup_orphans(dry_run=False)
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


def test_a_quarantined_asset_is_collected_after_its_time__D14(media_folder: Path):
    asset = quarantined()
    time_runs_out(hours=24 * 6)
    cleanup_orphans(dry_run=False)
    assert fresh(asset).state == "quarantined"
    time_runs_out(hours=24 * 2)
    cleanup_orphans(dry_run=False)
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


def test_a_quarantined_asset_is_kept_where_the_settings_say_so(settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "QUARANTINE_TTL": None}
    asset = quarantined()
    time_runs_out(hours=24 * 365)
    cleanup_orphans(dry_run=False)
    assert fresh(asset).state == "quarantined"


def test_an_unattached_asset_is_kept_unless_the_settings_give_it_a_time__D14(
    settings: Settings, media_folder: Path
):
    wanted, _ = ready(), ready()
    attach(Article.objects.create(), "cover", wanted)
    time_runs_out(hours=24 * 365)
    assert cleanup_orphans(dry_run=False).assets_found == 0
    settings.RINDLE = {**settings.RINDLE, "UNATTACHED_TTL": 86_400}
    assert cleanup_orphans(dry_run=False).objects_deleted == 4
    assert list(Asset.objects.values_list("pk", flat=True)) == [wanted.pk]
    assert len(files_in(media_folder)) == 4


def test_a_late_writer_is_waited_for(media_folder: Path):
    ticket = begun()
    stage(ticket.asset_id, b"half a picture")
    UploadSession.objects.update(expires_at=F("expires_at") - timedelta(hours=1, minutes=1))
    abort_incomplete_uploads()
    report = cleanup_orphans(dry_run=False)
    assert (report.objects_deleted, report.objects_waiting, report.storage_errors) == (0, 1, 0)
    assert len(files_in(media_folder)) == 1
    time_runs_out()
    assert cleanup_orphans(dry_run=False).objects_deleted == 1
    assert files_in(media_folder) == set()
    assert not Asset.objects.exists()


def test_bytes_that_came_late_are_swept_after_their_time__W1_16(media_folder: Path):
    ticket = begun()
    signed = sign_upload(ticket.ticket)
    assert signed.method == "PUT"
    time_runs_out(hours=1.5)
    abort_incomplete_uploads()
    cleanup_orphans(dry_run=False)
    # A client that began in time is still writing: the storage looked at the signature before.
    stage(ticket.asset_id, b"late")
    time_runs_out()
    reconcile()
    drain_jobs()
    assert files_in(media_folder) == set()
    assert not Asset.objects.exists()


def test_a_dry_run_changes_nothing_and_says_so__W1_22(
    media_folder: Path, caplog: pytest.LogCaptureFixture
):
    ticket = begun()
    stage(ticket.asset_id, b"half a picture")
    quarantined()
    time_runs_out(hours=24 * 30)
    abort_incomplete_uploads()
    before, files = snapshot(), files_in(media_folder)
    with caplog.at_level(logging.WARNING):
        report = cleanup_orphans(dry_run=True)
    assert (report.assets_found, report.objects_found, report.objects_deleted) == (2, 2, 0)
    assert snapshot() == before
    assert files_in(media_folder) == files
    assert "nothing was deleted" in caplog.text


def test_a_dry_run_of_abort_changes_nothing():
    begun()
    time_runs_out()
    before = snapshot()
    assert abort_incomplete_uploads(dry_run=True).sessions_found == 1
    assert snapshot() == before


def test_a_scheduled_cleanup_deletes_unless_the_settings_say_otherwise__W1_22(settings: Settings):
    begun()
    time_runs_out()
    abort_incomplete_uploads()
    arrive(picture())
    settings.RINDLE = {**settings.RINDLE, "CLEANUP_DRY_RUN": True}
    jobs.enqueue(jobs.CLEANUP)
    drain_jobs(queues=["rindle_maintenance"])
    assert Asset.objects.count() == 2
    settings.RINDLE = {**settings.RINDLE, "CLEANUP_DRY_RUN": False}
    jobs.enqueue(jobs.CLEANUP)
    drain_jobs(queues=["rindle_maintenance"])
    assert Asset.objects.count() == 1


def test_storage_errors_keep_the_rows_for_the_next_run(sky: Sky, media_folder: Path):
    ticket = begun()
    stage(ticket.asset_id, b"half a picture")
    time_runs_out()
    abort_incomplete_uploads()
    sky.break_down("delete")
    assert cleanup_orphans(dry_run=False).storage_errors == 1
    assert fresh(Asset.objects.get()).state == "deleted"
    assert files_in(media_folder) == ledger_keys("doomed")
    sky.clear_up()
    assert cleanup_orphans(dry_run=False).sessions_deleted == 1
    assert not Asset.objects.exists()


def test_one_broken_asset_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    ready()
    for _ in range(3):
        begun()
    time_runs_out()
    abort_incomplete_uploads()
    broken, *_ = cleanup._orphans().order_by("pk")
    Asset.objects.filter(pk=broken.pk).update(storage="nowhere")
    StoredObject.objects.filter(asset=broken).update(storage="nowhere")
    report = cleanup_orphans(dry_run=False)
    assert (report.sessions_deleted, report.storage_errors) == (2, 1)
    StoredObject.objects.filter(asset=broken).update(storage="default")
    assert cleanup_orphans(dry_run=False).sessions_deleted == 1


def test_cleanup_works_in_each_assets_own_storage__W1_15_U9(tmp_path: Path):
    ready(profile="open")
    ready()
    for profile in ("photo", "open"):
        ticket = initiate_upload(
            profile, filename="a.jpg", content_type="image/jpeg", byte_size=1000
        )
        stage(ticket.asset_id, b"half a picture")
    time_runs_out()
    abort_incomplete_uploads()
    assert cleanup_orphans(dry_run=False, storage="public").objects_deleted == 1
    assert cleanup_orphans(dry_run=False).objects_deleted == 1
    assert Asset.objects.count() == 2


def test_batches_are_bounded_and_walk_through_everything__W1_21_U23(
    monkeypatch: pytest.MonkeyPatch,
):
    for _ in range(7):
        begun()
    time_runs_out()
    monkeypatch.setattr(cleanup, "BATCH", 3)
    # Inside a transaction, so that no other connection helps.
    with transaction.atomic(), CaptureQueriesContext(connection) as captured:
        assert abort_incomplete_uploads().sessions_aborted == 7
    reads = [
        each["sql"]
        for each in captured
        if each["sql"].startswith("SELECT")
        and "expires_at" in each["sql"]
        and "LIMIT" in each["sql"]
    ]
    assert [sql.rsplit("LIMIT ", 1)[1] for sql in reads] == ["3", "3", "3"]
    assert cleanup_orphans(dry_run=True).assets_found == 7


def test_a_limit_is_kept(monkeypatch: pytest.MonkeyPatch):
    for _ in range(5):
        begun()
    time_runs_out()
    assert abort_incomplete_uploads(limit=2).sessions_aborted == 2
    assert abort_incomplete_uploads(limit=100).sessions_aborted == 3
    assert cleanup_orphans(dry_run=True, limit=4).assets_found == 4


def test_expiring_is_decided_again_under_the_lock_and_never_hits_a_completed_upload():
    asset = arrive(picture())
    time_runs_out()
    assert abort_incomplete_uploads().sessions_found == 0
    drain_jobs()
    assert fresh(asset).state == "ready"
    assert cleanup_orphans(dry_run=False).assets_found == 0


def test_every_run_of_either_worker_is_told_with_numbers(events: Recorder):
    abort_incomplete_uploads()
    cleanup_orphans(dry_run=True)
    told = events.named("rindle.cleanup.run")
    assert [(each["worker"], each["dry_run"]) for each in told] == [
        ("abort_incomplete_uploads", False),
        ("cleanup_orphans", True),
    ]


# --- commands ----------------------------------------------------------------------------------


def test_the_cleanup_command_runs_dry_unless_told_otherwise(media_folder: Path):
    stage(begun().asset_id, b"half a picture")
    time_runs_out()
    run("rindle_abort_incomplete_uploads")
    code, printed = run("rindle_cleanup_orphans")
    assert code == 0
    assert "Dry run: nothing was changed." in printed
    assert "objects_found: 1" in printed
    assert len(files_in(media_folder)) == 1
    code, printed = run("rindle_cleanup_orphans", "--no-dry-run")
    assert code == 0
    assert "objects_deleted: 1" in printed
    assert files_in(media_folder) == set()


def test_commands_print_one_json_document_and_exit_with_its_code(sky: Sky):
    stage(begun().asset_id, b"half a picture")
    time_runs_out()
    code, printed = run("rindle_abort_incomplete_uploads", "--format", "json")
    report = json.loads(printed)
    assert (code, report["exit_code"], report["sessions_aborted"]) == (0, 0, 1)
    sky.break_down("delete")
    code, printed = run("rindle_cleanup_orphans", "--no-dry-run", "--format", "json")
    report = json.loads(printed)
    assert (code, report["exit_code"], report["storage_errors"]) == (1, 1, 1)
    sky.clear_up()
    code, printed = run("rindle_cleanup_orphans", "--no-dry-run", "--format", "json")
    assert (code, json.loads(printed)["exit_code"]) == (0, 0)


def test_the_reconcile_command_needs_no_queue():
    code, printed = run("rindle_reconcile", "--format", "json")
    assert code == 0
    assert set(json.loads(printed)) >= {"assets", "variants", "objects", "events", "folders"}
    assert "assets: 0" in run("rindle_reconcile")[1]


@pytest.mark.parametrize(
    "command",
    ["rindle_cleanup_orphans", "rindle_abort_incomplete_uploads", "rindle_reconcile"],
)
@pytest.mark.parametrize("flag", ["--live", "--format=yaml", "--limit=many"])
def test_commands_refuse_flags_they_do_not_know(command: str, flag: str):
    with pytest.raises(CommandError):
        call_command(command, flag)


def test_who_ran_the_command_is_in_the_history():
    begun()
    time_runs_out()
    run("rindle_abort_incomplete_uploads")
    expired = Transition.objects.get(subject="session", to_state="expired")
    assert expired.cause == {"command": "rindle_abort_incomplete_uploads"}
