"""What status names: everything that stays where it is without being done, with its remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.db import connection

from rindle_django import cancel_processing, discard, jobs, requeue_variants
from rindle_django.lifecycle import locked, transition
from rindle_django.models import Asset, UploadSession, Variant
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.operations.reconcile import reconcile
from rindle_django.operations.status import runtime_status, status
from rindle_django.operations.status.kinds import CANCEL, KINDS, REQUEUE
from rindle_django.purge import purge
from rindle_django.states import ASSET, REQUEUEABLE_VARIANT_STATES, SESSION, VARIANT
from rindle_django.testing import drain_jobs
from tests.doctor.signs import job, worker
from tests.kit import (
    arrive,
    bomb,
    fresh,
    picture,
    promise,
    ready,
    run_out,
    session_of,
    settle,
    variant_states,
)
from tests.rows import asset_in, session_in, variant_in
from tests.status.scene import aged, ahead, found, kinds, past, the
from tests.storms import Sky, sky
from tests.verify_storage.scene import lost, unchanged, verify

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["sky"]


def test_where_all_is_well_nothing_is_found():
    ready()
    assert runtime_status().findings == []


def test_nothing_is_changed_by_looking():
    arrive(picture())
    with unchanged():
        runtime_status()


# --- no state is forgotten ---------------------------------------------------------------------

AT_REST = {"asset": {"ready"}, "variant": {"ready", "purged"}, "session": {"completed"}}


@pytest.mark.parametrize("state", [each for each in ASSET.states if each not in AT_REST["asset"]])
def test_an_asset_stays_unnoticed_in_no_state__C2_21(state: str):
    asset = asset_in(state)
    wake = past(80_000) if state in ("validating", "analyzing", "promoting", "deleted") else "NULL"
    aged(asset, wake_at=wake)
    named = [each for each in runtime_status().findings if each.subject == "asset"]
    assert [each.samples for each in named] == [[str(asset.pk)]]
    assert all(each.verb for each in named)


@pytest.mark.parametrize(
    "state", [each for each in VARIANT.states if each not in AT_REST["variant"]]
)
def test_a_variant_stays_unnoticed_in_no_state__C2_18(state: str):
    variant = variant_in(state)
    wake = past(80_000) if state in ("planned", "queued", "processing") else "NULL"
    aged(variant, wake_at=wake)
    named = [each for each in runtime_status().findings if each.subject == "variant"]
    assert [each.samples for each in named] == [[f"{variant.asset_id}:thumb"]]


@pytest.mark.parametrize(
    "state", [each for each in SESSION.states if each not in AT_REST["session"]]
)
def test_a_session_stays_unnoticed_in_no_state__C2_21(state: str):
    session = session_in(state)
    aged(session, expires_at=past(80_000))
    named = [each for each in runtime_status().findings if each.subject == "session"]
    assert [each.samples for each in named] == [[str(session.asset_id)]]


# --- stuck, slow, and waiting ------------------------------------------------------------------


def test_work_that_waits_for_a_worker_is_named_before_one_has_taken_it__C2_18():
    variant = variant_in("queued")
    aged(variant, 3600, wake_at=ahead(60))
    waiting = the("waiting")
    assert waiting.samples == [f"{variant.asset_id}:thumb"]
    assert waiting.verb == "procrastinate worker -q rindle_process"
    assert 3590 < (waiting.oldest_seconds or 0) < 3700


def test_slow_work_is_not_stuck_and_stuck_work_needs_no_job_to_be_seen__O8():
    slow, stuck = variant_in("processing"), variant_in("processing")
    aged(slow, 7200, lease_until=ahead(30), wake_at=ahead(30))
    aged(stuck, 7200, lease_until=past(7000), wake_at=past(7000))
    assert the("stuck").samples == [f"{stuck.asset_id}:thumb"]
    assert found("waiting") == []


def test_what_is_stuck_can_be_mended_by_the_verb_that_is_named__C2_19():
    asset = arrive(picture())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    aged(asset, wake_at=past(3600))
    assert (the("stuck").subject, the("stuck").verb) == ("asset", "rindle_reconcile")
    reconcile()
    drain_jobs()
    assert fresh(asset).state == "ready"
    assert runtime_status().findings == []


def test_a_variant_that_was_never_queued_can_be_cancelled_and_queued__C2_19():
    asset = ready()
    Variant.objects.filter(asset=asset, name="thumb").delete()
    aged(variant_in("planned", asset=asset))
    assert the("stuck").verb == f"{CANCEL}, then {REQUEUE}"
    cancel_processing(asset.pk)
    requeue_variants(asset.pk)
    drain_jobs()
    assert variant_states(asset)["thumb"] == "ready"
    assert runtime_status().findings == []


@pytest.mark.parametrize("state", ["queued", "processing"])
def test_the_remedy_of_stuck_variants_takes_them_in_every_state__C2_19(state: str):
    asset = ready()
    Variant.objects.filter(asset=asset, name="thumb").delete()
    variant = variant_in(state, asset=asset, recipe_digest="d" * 64)
    aged(variant, wake_at=past(3600), lease_until="NULL")
    assert the("stuck").subject == "variant"
    reconcile()
    drain_jobs()
    assert Variant.objects.get(pk=variant.pk).state == "ready"


def test_what_requeue_is_named_for_is_what_requeue_takes__C2_19():
    for kind in KINDS:
        if kind.subject == "variant" and kind.verb == REQUEUE:
            assert kind.kind in REQUEUEABLE_VARIANT_STATES


def test_an_asset_of_which_nothing_is_made_is_idle():
    asset = asset_in("processing")
    aged(asset)
    assert the("idle").verb == REQUEUE
    requeue_variants(asset.pk)
    assert fresh(asset).state == "ready"
    assert runtime_status().findings == []


# --- failed, and what is not -------------------------------------------------------------------


def test_failed_variants_are_counted_by_reason_and_named_with_their_asset__C1_7(sky: Sky):
    asset = arrive(picture())
    sky.break_down("put_file")
    drain_jobs(early=True)
    failed = the("failed")
    assert (failed.count, failed.reason) == (3, "storage_unavailable")
    assert set(failed.samples) == {f"{asset.pk}:{name}" for name in ("thumb", "medium", "large")}
    assert the("degraded").samples == [str(asset.pk)]
    sky.clear_up()
    requeue_variants(asset.pk)
    drain_jobs(early=True)
    assert runtime_status().findings == []


def test_a_try_that_failed_is_not_a_variant_that_failed__C2_20(sky: Sky):
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    sky.break_down("put_file")
    drain_jobs(limit=3)
    assert set(variant_states(asset).values()) == {"queued"}
    assert found("failed") == []


def test_each_reason_is_a_finding_of_its_own():
    for code in ("image_truncated", "image_truncated", "profile_gone"):
        variant_in("failed", reason_code=code)
    assert {(each.reason, each.count) for each in found("failed")} == {
        ("image_truncated", 2),
        ("profile_gone", 1),
    }


def test_missing_and_stale_variants_are_named():
    asset = ready()
    variant = Variant.objects.get(asset=asset, name="thumb")
    with locked(asset.pk) as row:
        variant.asset = row
        transition(variant, "missing")
    assert the("missing").samples == [f"{asset.pk}:thumb"]
    assert "--only missing" in the("missing").verb


def test_what_was_cancelled_is_named_and_requeue_takes_it():
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    cancel_processing(asset.pk)
    assert the("cancelled").count == 3
    requeue_variants(asset.pk)
    drain_jobs()
    assert runtime_status().findings == []


def test_quarantined_assets_are_counted_by_reason__C2_21():
    asset = arrive(bomb(30_000, 30_000), filename="a.png", content_type="image/png")
    drain_jobs()
    quarantined = the("quarantined")
    assert quarantined.reason == fresh(asset).reason_code != ""
    assert quarantined.samples == [str(asset.pk)]
    assert "unquarantine" in quarantined.verb


# --- uploads, objects, storages ----------------------------------------------------------------


def test_uploads_that_ran_out_are_named_until_they_were_aborted_and_cleaned(media_folder: Path):
    media_folder.mkdir()
    tickets = [promise() for _ in range(4)]
    for ticket in tickets:
        run_out(ticket)
    open_ones = the("expired")
    assert (open_ones.count, open_ones.verb) == (4, "rindle_abort_incomplete_uploads")
    abort_incomplete_uploads()
    ended = the("expired")
    assert (ended.count, ended.verb) == (4, "rindle_cleanup_orphans --no-dry-run")
    for ticket in tickets:
        settle(session_of(ticket).asset_id)
    cleanup_orphans(dry_run=False)
    assert runtime_status().findings == []
    assert not UploadSession.objects.exists()


def test_objects_that_will_not_go_are_named_with_the_reason__C2_21(sky: Sky):
    asset = ready()
    discard(asset.pk)
    settle(asset.pk)
    sky.break_down("delete")
    purge(asset.pk)
    doomed = the("doomed")
    assert (doomed.count, doomed.reason) == (4, "storage_unavailable")
    assert set(doomed.samples) == {str(asset.pk)}
    sky.clear_up()
    purge(asset.pk)
    assert found("doomed") == []


def test_an_original_that_is_missing_is_named__C2_21():
    asset = ready()
    lost(fresh(asset).original)
    verify()
    missing = the("missing_original")
    assert missing.samples == [str(asset.pk)]
    assert missing.verb == "rindle_verify_storage --no-dry-run"
    assert found("missing_original", profile="photo")
    assert found("missing_original", profile="plain") == []


def test_a_backlog_is_named_with_the_age_of_its_first_job():
    numbers = [job(jobs.PROCESS, waits=600 - each) for each in range(3)]
    backlog = the("backlog")
    assert (backlog.subject, backlog.count) == ("rindle_process", 3)
    assert backlog.oldest_seconds == pytest.approx(600, abs=20)
    assert backlog.samples == [str(each) for each in numbers]
    assert backlog.verb == "procrastinate worker -q rindle_process"


def test_what_waits_shortly_is_no_backlog_unless_it_is_asked_for():
    job(jobs.PROCESS, waits=5)
    assert found("backlog") == []
    assert the("backlog", older_than=1).count == 1


# --- queues and counts -------------------------------------------------------------------------


def test_queues_tell_what_waits_what_is_done_and_by_whom():
    living, dead = worker(), worker(silent_for=600)
    job(jobs.PROCESS, waits=90)
    job(jobs.PROCESS, waits=30, due_in=600)
    job(jobs.PROCESS, status="doing", held_by=living)
    job(jobs.PURGE, status="doing", held_by=dead)
    of = {each.queue: each for each in runtime_status().queues}
    assert tuple(of) == jobs.QUEUES
    process = of["rindle_process"]
    assert (process.waiting, process.doing, process.workers) == (1, 1, 1)
    assert process.oldest_seconds == pytest.approx(90, abs=20)
    assert (of["rindle_purge"].doing, of["rindle_purge"].workers) == (1, 0)


def test_throughput_is_known_also_where_done_jobs_are_deleted():
    ready()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    of = {each.queue: each.per_minute for each in runtime_status().queues}
    assert (of["rindle_promote"], of["rindle_process"]) == (0.2, 0.6)


def test_rows_are_counted_by_state():
    ready()
    variant_in("failed")
    counts = runtime_status().counts
    assert counts["asset"] == {"ready": 1, "staged": 1}
    assert counts["variant"] == {"ready": 3, "failed": 1}


def test_counts_and_findings_stop_in_time__C2_11(monkeypatch: pytest.MonkeyPatch):
    from rindle_django.operations.status import counts

    monkeypatch.setattr(counts, "ENOUGH", 2)
    monkeypatch.setattr(status, "ENOUGH", 2)
    for _ in range(5):
        variant_in("failed", reason_code="x")
    report = runtime_status(limit=2)
    assert report.counts["variant"] == {"failed": 3}
    failed = next(each for each in report.findings if each.kind == "failed")
    assert (failed.count, len(failed.samples)) == (3, 2)


# --- filters -----------------------------------------------------------------------------------


def test_a_profile_narrows_everything_but_the_queues():
    variant_in("failed")
    asset_in("degraded", profile="plain")
    session_in("expired", asset=asset_in("staged", profile="plain"), profile="plain")
    assert kinds(profile="photo") == {("failed", "variant")}
    assert kinds(profile="plain") == {("degraded", "asset"), ("expired", "session")}
    assert runtime_status(profile="plain").counts["asset"] == {"degraded": 1, "staged": 1}
    assert runtime_status(profile="tiny").counts["variant"] == {}


def test_the_oldest_come_first_and_the_young_can_be_left_out():
    old, young = variant_in("failed"), variant_in("failed")
    aged(old, 7200)
    assert the("failed").samples == [f"{old.asset_id}:thumb", f"{young.asset_id}:thumb"]
    assert the("failed").oldest_seconds == pytest.approx(7200, abs=30)
    assert the("failed", older_than=3600).samples == [f"{old.asset_id}:thumb"]
    assert found("failed", older_than=10_000) == []


def test_a_report_can_be_written_down(tmp_path: Path):
    from dataclasses import asdict

    variant_in("failed")
    text = json.dumps(asdict(runtime_status()), default=str)
    assert json.loads(text)["findings"][0]["kind"] == "failed"
    assert Asset.objects.count() == 1
