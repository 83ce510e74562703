"""How often each body runs, by Procrastinate's own retry decisions (W1.19)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job as QueuedJob

from rindle_django import ImageRecipe, discard, jobs, ledger, requeue_variants, upload
from rindle_django.errors import (
    ContentRefused,
    Kind,
    Misconfigured,
    RequestRefused,
    TransientFailure,
    classify,
    reason_code,
    reason_text,
)
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.operations import cleanup
from rindle_django.processing import process_variant
from rindle_django.promotion import promote
from rindle_django.purge import purge_or_raise
from rindle_django.testing import JobOutcome, drain_jobs
from tests.app.media import Photo
from tests.jobs.queue import jobs as queue_rows
from tests.kit import (
    arrive,
    fresh,
    named,
    picture,
    promise,
    queued_jobs,
    ready,
    refused,
    run_out,
    settle,
    stage,
    variant_states,
)
from tests.rows import variant_in
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = "6f2b4c1e-0000-4000-8000-000000000000"
PARTIAL = TransientFailure("storage_unavailable", alias="a", operation="stat", detail="503")


def runs(outcomes: list[JobOutcome]) -> Counter[str]:
    return Counter(outcome.task for outcome in outcomes)


def decision(job: jobs.Job, error: BaseException, attempts: int) -> Any:
    row = QueuedJob(
        id=1,
        status="doing",
        queue=job.queue,
        priority=0,
        lock=None,
        queueing_lock=None,
        task_name=job.name,
        task_kwargs={},
        attempts=attempts,
    )
    return app.tasks[job.name].get_retry_exception(exception=error, job=row)


@pytest.mark.parametrize("job", jobs.JOBS, ids=lambda job: job.name)
def test_every_job_has_a_task_in_its_queue_without_a_lock(job: jobs.Job):
    task = app.tasks[job.name]
    assert task.queue == job.queue
    assert task.lock is None
    assert bool(task.queueing_lock) == job.singleton


@pytest.mark.parametrize(
    ("job", "tries"),
    [(jobs.PROMOTE, 3), (jobs.PROCESS, 5), (jobs.MEDIA, 5)]
    + [(job, 3) for job in (jobs.PURGE, jobs.CLEANUP, jobs.ABORT)],
    ids=lambda each: getattr(each, "name", each),
)
def test_a_job_is_run_as_often_as_declared_and_no_more(job: jobs.Job, tries: int):
    decisions = [decision(job, PARTIAL, attempts) for attempts in range(tries + 2)]
    assert [bool(each) for each in decisions] == [True] * (tries - 1) + [False] * 3


def test_a_shutdown_never_counts_as_a_verdict():
    assert decision(jobs.PURGE, JobAborted(), 99) is not None


@pytest.mark.parametrize(
    "error",
    [
        ContentRefused("empty_file"),
        RequestRefused("unknown_variant", profile="p", variant="v"),
        Misconfigured("profile_gone", profile="p"),
    ],
    ids=lambda error: error.kind.value,
)
def test_what_time_cannot_mend_is_not_tried_again__W1_19(error: Exception):
    assert decision(jobs.PURGE, error, 0) is None
    assert decision(jobs.PROCESS, error, 0) is None


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (PARTIAL, Kind.TRANSIENT, "storage_unavailable"),
        (ContentRefused("empty_file"), Kind.CONTENT, "empty_file"),
        (Misconfigured("profile_gone", profile="p"), Kind.CONFIGURATION, "profile_gone"),
        (RequestRefused("asset_not_found"), Kind.REQUEST, "asset_not_found"),
        (OSError("https://user:secret@host/key"), Kind.TRANSIENT, "unexpected"),
        (MemoryError(), Kind.TRANSIENT, "unexpected"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else None,
)
def test_errors_are_classified_in_one_table(error: Exception, kind: Kind, code: str):
    assert classify(error) is kind
    assert reason_code(error) == code
    assert "secret" not in reason_text(error)


def test_the_wait_grows_with_jitter_and_has_a_cap(settings: Any):
    settings.RINDLE = {"BACKOFF_BASE": 2.0, "BACKOFF_CAP": 60.0}
    for attempt, ceiling in enumerate([2, 4, 8, 16, 32, 60, 60], start=1):
        waits = [jobs.backoff(attempt) for _ in range(200)]
        assert ceiling / 2 <= min(waits) <= max(waits) <= ceiling
        assert len(set(waits)) > 100
    assert jobs.backoff(5000) <= 60


def test_a_purge_runs_three_times_a_round(sky: Sky):
    asset = ready()
    discard(asset.pk)
    sky.break_down("delete")
    assert runs(drain_jobs(early=True)) == {"rindle:purge_storage": 3}
    assert [row for row in queue_rows() if row[1] == "failed"] == [
        ("rindle:purge_storage", "failed", 3)
    ]


def test_promotion_runs_three_times_a_round_and_never_gives_the_file_up__W1_5(sky: Sky):
    asset = arrive(picture())
    sky.break_down("stat")
    waits = []
    for _ in range(6):
        drain_jobs(early=True, limit=1)
        waits.append(fresh(asset).attempts)
    assert waits == [1, 2, 0, 1, 2, 0]  # the third ends a round; the next begins after a pause
    assert fresh(asset).state == "analyzing"
    sky.clear_up()
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"


def test_processing_runs_five_times_and_then_failed_means_spent__W1_19(sky: Sky):
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    sky.break_down("put_file")
    states = []
    for number in range(1, 6):
        runs_so_far = ProcessingRun.objects.filter(variant_name="thumb")
        while runs_so_far.count() < number:
            assert drain_jobs(early=True, limit=1, queues=["rindle_process"])
        states.append(variant_states(asset)["thumb"])
    assert states == ["queued", "queued", "queued", "queued", "failed"]
    drain_jobs(early=True, queues=["rindle_process"])
    for name in ("thumb", "medium", "large"):
        of_one = ProcessingRun.objects.filter(variant_name=name).order_by("attempt")
        assert list(of_one.values_list("attempt", flat=True)) == [1, 2, 3, 4, 5]
        assert list(of_one.values_list("outcome", flat=True)) == ["retried"] * 4 + ["failed"]
    assert fresh(asset).state == "degraded"


def test_a_failed_attempts_output_is_given_up_at_once__W1_8(sky: Sky):
    arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    sky.break_down("put_file")
    drain_jobs(limit=1, queues=["rindle_process"])
    outputs = StoredObject.objects.filter(purpose="variant")
    assert set(outputs.values_list("state", flat=True)) == {"doomed"}


def test_bytes_that_cannot_be_decoded_are_looked_at_once__W1_19(media_folder: Path, sky: Sky):
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    # The original rots after promotion: no number of tries brings it back.
    rotten = fresh(asset).original
    assert rotten is not None
    path = media_folder / rotten.key
    path.write_bytes(b"\xff\xd8" + bytes(100))
    drain_jobs(early=True)
    assert set(variant_states(asset).values()) == {"failed"}
    assert set(ProcessingRun.objects.values_list("attempt", "outcome")) == {(1, "failed")}
    assert set(Variant.objects.values_list("reason_code", flat=True)) == {"checksum_mismatch"}


def test_a_variant_that_the_profile_no_longer_declares_fails_at_once__W1_19(
    monkeypatch: pytest.MonkeyPatch,
):
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    kept = {name: recipe for name, recipe in Photo.variants.items() if name != "thumb"}
    monkeypatch.setattr(Photo, "variants", kept)
    drain_jobs(early=True)
    states = variant_states(asset)
    assert states == {"thumb": "failed", "medium": "ready", "large": "ready"}
    assert Variant.objects.get(name="thumb").reason_code == "unknown_variant"
    assert fresh(asset).state == "degraded"


def test_the_number_of_tries_can_be_set_for_one_requeue(sky: Sky):
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    sky.break_down("put_file")
    drain_jobs(early=True, queues=["rindle_process"])
    ProcessingRun.objects.all().delete()
    assert requeue_variants(asset.pk, ["thumb"], tries=2) == ["thumb"]
    drain_jobs(early=True, queues=["rindle_process"])
    assert ProcessingRun.objects.count() == 2
    assert variant_states(asset)["thumb"] == "failed"
    sky.clear_up()
    assert requeue_variants(asset.pk) == ["large", "medium", "thumb"]
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"


def test_a_variant_that_is_fine_is_not_requeued():
    asset = ready()
    with refused("variant_not_requeueable"):
        requeue_variants(asset.pk, ["thumb"])
    with refused("unknown_variant"):
        requeue_variants(asset.pk, ["nonsense"])
    assert requeue_variants(asset.pk) == []
    assert queued_jobs("rindle:process_variant") == []


def test_aborts_that_fail_are_tried_again_like_any_other(monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> bool:
        raise OSError("connection reset")

    run_out(promise())
    for way in ("move_all", "expire_session"):  # all in one go, and one by one
        monkeypatch.setattr(cleanup, way, broken)
    jobs.enqueue(jobs.ABORT)
    outcomes = drain_jobs(early=True)
    assert runs(outcomes) == {"rindle:abort_incomplete_uploads": 3}
    assert all(isinstance(outcome.error, TransientFailure) for outcome in outcomes)


def test_a_cleanup_that_the_storage_refused_is_tried_again(sky: Sky):
    ready()
    ticket = promise()
    stage(ticket.asset_id, b"half")
    run_out(ticket)
    settle(ticket.asset_id)
    cleanup.abort_incomplete_uploads()
    sky.break_down("delete")
    jobs.enqueue(jobs.CLEANUP)
    outcomes = drain_jobs(early=True, queues=["rindle_maintenance"])
    assert runs(outcomes) == {"rindle:cleanup_orphans": 3}


# --- robustness of the bodies ------------------------------------------------------------------


@pytest.mark.parametrize("job", jobs.JOBS, ids=lambda job: job.name)
def test_every_task_tolerates_arguments_it_does_not_know(job: jobs.Job):
    known: dict[str, Any] = {"asset_id": NOBODY, "variant_name": "thumb", "profile": "photo"}
    jobs.enqueue(job, **known, batch_id=NOBODY, invented_later=1)
    (outcome,) = drain_jobs()
    assert outcome.error is None


@pytest.mark.parametrize("job", [jobs.PROMOTE, jobs.PROCESS, jobs.MEDIA, jobs.PURGE, jobs.BATCH])
def test_every_task_does_nothing_for_a_row_that_is_gone(job: jobs.Job):
    jobs.enqueue(job, asset_id=NOBODY, variant_name="thumb", batch_id=NOBODY)
    assert [outcome.error for outcome in drain_jobs()] == [None]
    assert queued_jobs() == []


def test_every_body_run_twice_does_its_work_once(sky: Sky):
    asset = arrive(picture())
    promote(str(asset.pk))
    promote(str(asset.pk))
    assert sky.calls["copy"] == 1
    for name in ("thumb", "medium", "large", "thumb"):
        process_variant(str(asset.pk), name)
    assert sky.calls["put_file"] == 3
    assert ProcessingRun.objects.count() == 3
    discard(asset.pk)
    purge_or_raise(str(asset.pk))
    purge_or_raise(str(asset.pk))
    assert drain_jobs()
    assert queued_jobs() == []


def test_the_source_is_fetched_once_for_all_variants__W1_18(sky: Sky):
    asset = upload("photo", named(picture(), "heron.jpg"))
    drain_jobs(queues=["rindle_promote"])
    sky.calls.clear()
    drain_jobs(queues=["rindle_process"])
    assert sky.calls["download"] == 1
    assert fresh(asset).state == "ready"


def test_outputs_are_stored_as_files_with_their_own_type__W1_18(sky: Sky):
    ready()
    stored = [keywords["content_type"] for _, keywords in sky.arguments_of("put_file")]
    assert sorted(stored) == ["image/avif", "image/jpeg", "image/webp"]


def test_a_variants_job_does_not_touch_an_asset_that_is_not_verified():
    asset = arrive(picture())
    process_variant(str(asset.pk), "thumb")
    assert fresh(asset).state == "validating"
    assert not ProcessingRun.objects.exists()


# --- enqueueing --------------------------------------------------------------------------------


def test_a_job_is_rolled_back_with_what_it_was_for():
    with transaction.atomic():
        jobs.enqueue(jobs.PURGE, asset_id=NOBODY, profile="photo")
        transaction.set_rollback(True)
    assert queued_jobs() == []


def test_a_second_ring_for_a_singleton_does_not_abort_the_callers_transaction():
    jobs.enqueue(jobs.RECONCILE)
    with transaction.atomic():
        kept = ready_row()
        jobs.enqueue(jobs.RECONCILE)
    assert Variant.objects.filter(pk=kept.pk).exists()
    assert len(queued_jobs("rindle:reconcile")) == 1


def ready_row() -> Variant:
    return variant_in("queued")


def test_jobs_carry_ids_and_return_nothing(sky: Sky):
    asset = upload("photo", named(picture(), "private holiday.jpg"))
    waiting = queued_jobs()
    drain_jobs(queues=["rindle_promote"])
    waiting += queued_jobs()
    assert discard(asset.pk)
    waiting += queued_jobs()
    keys = {key for arguments in waiting for key in arguments}
    assert keys == {"asset_id", "variant_name", "profile"}
    assert "holiday" not in repr(waiting)
    assert str(asset.pk) in repr(waiting)


def test_what_is_requeued_goes_to_the_queue_of_its_kind__W1_12():
    image, film = variant_in("failed"), variant_in("failed", kind="video", name="film")
    for each in (image, film):
        Asset.objects.filter(pk=each.asset_id).update(state="validating")
        for step in ("analyzing", "promoting", "available", "processing", "degraded"):
            Asset.objects.filter(pk=each.asset_id).update(state=step)
        requeue_variants(each.asset_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT task_name, queue_name FROM procrastinate_jobs ORDER BY id")
        assert cursor.fetchall() == [
            ("rindle:process_variant", "rindle_process"),
            ("rindle:process_media_variant", "rindle_media"),
        ]


def test_the_next_steps_jobs_commit_with_the_step_or_not_at_all__W1_20(
    monkeypatch: pytest.MonkeyPatch,
):
    asset = arrive(picture())
    monkeypatch.setattr(ledger, "doom_superseded", _broken)  # after the jobs were added
    drain_jobs(limit=1)
    assert fresh(asset).state == "analyzing"
    assert not asset.variants.exists()
    assert queued_jobs("rindle:process_variant") == []
    monkeypatch.undo()
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"


def _broken(*args: object, **options: object) -> None:
    raise OSError("the connection is gone")


def test_variants_of_every_sort_have_a_queue_of_their_kind():
    assert ImageRecipe(width=1).kind == "image"
    assert {job.queue for job in (jobs.PROCESS, jobs.MEDIA)} == {"rindle_process", "rindle_media"}
