"""The reconciler: what the queue forgot is rung for once, by our own rows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from rindle_django import attach, detach, jobs, upload
from rindle_django.models import Asset, StoredObject, Transition
from rindle_django.operations.reconcile import reconcile
from rindle_django.outbox import emit_pending
from rindle_django.processing.claim import claim
from rindle_django.testing import Recorder, drain_jobs
from tests.app.models import Article
from tests.crowd import at_once
from tests.jobs.queue import forget_jobs, grace_passes
from tests.kit import (
    arrive,
    files_in,
    fresh,
    ledger_keys,
    named,
    picture,
    queued_jobs,
    ready,
    settle,
)
from tests.rows import asset_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_lost_promotion_is_rung_for_once__row_7():
    asset = arrive(picture())
    forget_jobs()
    assert reconcile().assets == 0  # not late yet
    grace_passes()
    assert reconcile().assets == 1
    assert reconcile().assets == 0
    assert queued_jobs() == [{"asset_id": str(asset.pk)}]
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_what_is_rung_for_again_does_not_wait_behind_a_backlog():
    late = arrive(picture())
    grace_passes()
    forget_jobs()
    backlog = [arrive(picture()) for _ in range(3)]
    reconcile()
    drain_jobs(limit=1)
    assert fresh(late).state == "processing"
    assert {fresh(each).state for each in backlog} == {"validating"}


def test_lost_variants_are_rung_for_once_together__W1_13():
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    forget_jobs()
    grace_passes()
    assert reconcile().variants == 3
    assert reconcile().variants == 0
    [rung] = queued_jobs("rindle:process_variant")
    assert rung["variant_name"] in ("large", "medium", "thumb")
    drain_jobs()
    assert fresh(asset).state == "ready"
    assert set(asset.variants.values_list("state", flat=True)) == {"ready"}


def test_variants_over_which_a_worker_died_are_rung_for_once_each__W1_13():
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    forget_jobs()
    claim(str(asset.pk), "thumb")
    due = Now() - timedelta(seconds=1)
    asset.variants.update(lease_until=due, wake_at=due)
    assert reconcile().variants == 3
    rung = queued_jobs("rindle:process_variant")
    assert sorted(each["variant_name"] for each in rung) == ["large", "medium", "thumb"]
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_a_lost_purge_is_rung_for_and_leaves_nothing(media_folder: Path):
    asset, article = ready(), Article.objects.create()
    attach(article, "cover", asset)
    detach(article, "cover")
    forget_jobs()
    grace_passes()
    reconcile()
    assert {each["asset_id"] for each in queued_jobs("rindle:purge_storage")} == {str(asset.pk)}
    drain_jobs()
    assert not Asset.objects.exists()
    assert files_in(media_folder) == ledger_keys("doomed", "expected", "present") == set()


def test_what_was_attached_again_is_not_rung_for_any_more():
    asset, article = ready(), Article.objects.create()
    attach(article, "cover", asset)
    detach(article, "cover")
    attach(article, "cover", asset)
    forget_jobs()
    grace_passes()
    reconcile()
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"
    grace_passes()
    assert reconcile().assets == 0


def test_nothing_is_rung_for_when_all_is_at_rest():
    ready()
    grace_passes()
    report = reconcile()
    assert (report.assets, report.variants, report.objects, report.abandoned) == (0, 0, 0, 0)
    assert queued_jobs() == []


def test_two_reconcilers_at_once_ring_once():
    for _ in range(5):
        arrive(picture(20, 20))
    forget_jobs()
    grace_passes()
    reports = at_once(reconcile, reconcile)
    assert sum(report.assets for report in reports) == 5
    assert len(queued_jobs("rindle:promote_asset")) == 5


def test_a_pass_is_bounded():
    for _ in range(5):
        arrive(picture(20, 20))
    forget_jobs()
    grace_passes()
    assert [reconcile(limit=2).assets for _ in range(4)] == [2, 2, 1, 0]


def test_events_whose_process_died_are_sent_late_and_once(events: Recorder):
    asset = asset_in("ready")
    with transaction.atomic():
        entry = Transition.objects.create(
            subject="asset",
            subject_id=asset.pk,
            asset_id=asset.pk,
            from_state="processing",
            to_state="ready",
            profile="photo",
            adapter="filesystem",
        )
    assert reconcile().events == 0  # its own process may still be about to
    grace_passes()
    assert reconcile().events == 1
    assert reconcile().events == 0
    assert emit_pending([entry.pk]) == 0
    (told,) = events.named("rindle.asset.state_change")
    assert (told["from"], told["to"], told["asset_id"]) == ("processing", "ready", str(asset.pk))


def test_what_a_dead_writer_expected_is_given_up_after_its_time(media_folder: Path):
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    _claim_and_die(asset)
    assert len(ledger_keys("expected")) == 3
    grace_passes()
    drain_jobs(early=True)
    assert fresh(asset).state == "processing"  # its own jobs found the lease held, and are spent
    report = reconcile()
    assert (report.abandoned, report.variants) == (3, 3)
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"
    assert ledger_keys("expected", "doomed") == set()
    assert files_in(media_folder) == ledger_keys("present")


def _claim_and_die(asset: Asset) -> None:
    """What a worker leaves that was killed right after it had claimed."""
    from rindle_django.processing.claim import claim

    assert claim(str(asset.pk), "thumb")[1]
    drain_jobs(queues=["rindle_process"])


def test_what_was_deleted_is_deleted_once_more_and_never_woken_again(media_folder: Path):
    asset = ready()
    (receipt,) = StoredObject.objects.filter(state="gone")
    assert receipt.confirmation == "unlinked"
    assert receipt.wake_at is not None
    assert receipt.gone_at is not None
    assert (receipt.wake_at - receipt.gone_at).days == 1
    assert reconcile().objects == 0

    written_late = media_folder / receipt.key
    written_late.parent.mkdir(parents=True, exist_ok=True)
    written_late.write_bytes(b"by a writer that slept for a day")
    settle(asset.pk)
    assert reconcile().objects == 1
    drain_jobs()
    assert files_in(media_folder) == ledger_keys("present")
    again = StoredObject.objects.get(pk=receipt.pk)
    assert (again.state, again.wake_at) == ("gone", None)
    assert StoredObject.objects.filter(state="present", wake_at__isnull=False).count() == 0
    assert fresh(asset).wake_at is None


def test_the_reconciler_is_a_singleton_in_the_queue():
    jobs.enqueue(jobs.RECONCILE)
    jobs.enqueue(jobs.RECONCILE)
    assert len(queued_jobs("rindle:reconcile")) == 1
    (outcome,) = drain_jobs()
    assert outcome.error is None


def test_a_job_marked_running_by_a_dead_worker_does_not_hold_anything_up__row_7():
    asset = upload("photo", named(picture(), "heron.jpg"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    grace_passes()
    reconcile()
    drain_jobs()
    assert fresh(asset).state == "ready"
