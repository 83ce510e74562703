"""What only a real worker process shows: its own connections, and its sudden death."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from rindle_django import attach, attached, upload
from rindle_django.models import ProcessingRun, StoredObject, Variant
from rindle_django.operations.reconcile import reconcile
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.app.tasks import detach_for_good, detach_in_vain
from tests.jobs.queue import jobs
from tests.jobs.worker import kill, wait_for, work, working
from tests.kit import files_in, fresh, ledger_keys, named, picture, queued_jobs, variant_states
from tests.rows import asset_in

pytestmark = pytest.mark.django_db(transaction=True)
READY = {"thumb": "ready", "medium": "ready", "large": "ready"}


def illustrated() -> Article:
    article = Article.objects.create()
    attach(article, "cover", asset_in("ready"))
    return article


def test_a_real_worker_takes_a_photo_all_the_way(media_folder: Path):
    asset = upload("photo", named(picture(), "heron.jpg"))
    work()
    assert fresh(asset).state == "ready"
    assert variant_states(asset) == READY
    assert files_in(media_folder) == ledger_keys("present")
    assert {status for _, status, _ in jobs()} == {"succeeded"}


def test_a_rolled_back_block_inside_a_running_task_leaves_no_job_and_no_change():
    article = illustrated()
    detach_in_vain.defer(article_id=article.pk)
    work("--queues=tests")
    assert attached(article, "cover") is not None
    assert jobs() == [("tests:detach_in_vain", "succeeded", 1)]


def test_a_committed_block_inside_a_running_task_leaves_exactly_one_job():
    article = illustrated()
    detach_for_good.defer(article_id=article.pk)
    work("--queues=tests")
    assert attached(article, "cover") is None
    assert [name for name, _, _ in jobs("todo")] == ["rindle:purge_storage"]


def test_a_worker_killed_over_a_variant_costs_nothing_but_time__W1_6(
    media_folder: Path, settings: Settings
):
    settings.RINDLE = {**settings.RINDLE, "LEASE": 2, "RECONCILE_GRACE": 1}
    asset = upload("photo", named(picture(6000, 4000), "large.jpg"))
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    with working("--queues=rindle_process", RINDLE_TEST_LEASE="2") as worker:
        wait_for("a run", ProcessingRun.objects.filter(outcome="running").exists)
        kill(worker)
    killed = set(Variant.objects.filter(state="processing").values_list("name", flat=True))
    assert killed
    assert ledger_keys("expected")
    assert {status for _, status, _ in jobs() if status == "doing"} == {"doing"}

    wait_for("the lease's end", _due_again)
    assert reconcile().variants >= len(killed)
    work("--queues=rindle_process,rindle_purge", RINDLE_TEST_LEASE="2")

    assert variant_states(asset) == READY
    assert fresh(asset).state == "ready"
    wait_for("the dead writer's time", lambda: not _unsettled())
    reconcile()
    work("--queues=rindle_process,rindle_purge", RINDLE_TEST_LEASE="2")
    assert files_in(media_folder) == ledger_keys("present")
    assert len(files_in(media_folder)) == 4
    assert ledger_keys("expected", "doomed") == set()
    runs = ProcessingRun.objects.filter(variant_name__in=killed)
    assert set(runs.values_list("outcome", flat=True)) == {"lost", "succeeded"}


def _due_again() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM rindle_variant WHERE state = 'processing' AND wake_at > now()"
        )
        return bool(cursor.fetchone()[0] == 0)


def _unsettled() -> bool:
    """A retry that succeeded has doomed already what the dead writer could still write."""
    left_over = StoredObject.objects.filter(state__in=("expected", "doomed"))
    return left_over.extra(where=["wake_at > now()"]).exists()


def test_a_worker_killed_over_a_promotion_does_not_lose_the_photo__W1_6(
    media_folder: Path, settings: Settings
):
    settings.RINDLE = {**settings.RINDLE, "LEASE": 2, "RECONCILE_GRACE": 1}
    asset = upload("photo", named(picture(6000, 4000), "large.jpg"))
    with working("--queues=rindle_promote", RINDLE_TEST_LEASE="2") as worker:
        wait_for("a claim", lambda: fresh(asset).state == "analyzing")
        kill(worker)
    if fresh(asset).state == "analyzing":
        wait_for("the lease's end", lambda: fresh(asset).pk and _asset_due())
        assert reconcile().assets == 1
    work(RINDLE_TEST_LEASE="2")
    assert fresh(asset).state == "ready"
    wait_for("the dead writer's time", lambda: not _unsettled())
    reconcile()
    work(RINDLE_TEST_LEASE="2")
    assert files_in(media_folder) == ledger_keys("present")
    assert queued_jobs() == []


def _asset_due() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM rindle_asset WHERE wake_at <= now()")
        return bool(cursor.fetchone()[0] == 1)
