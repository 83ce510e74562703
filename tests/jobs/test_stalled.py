"""Jobs that dead workers left in ``doing``: they are resolved, and nothing ever waited for it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from rindle_django import ImageRecipe, jobs as library, requeue_variants, upload
from rindle_django.models import Asset, ProcessingRun, Variant
from rindle_django.operations import stalled
from rindle_django.operations.reconcile import reconcile
from rindle_django.operations.stalled import fail_stalled
from rindle_django.testing import drain_jobs
from tests.crowd import Somebody
from tests.jobs.perils import DEADLY_COMMENT
from tests.jobs.queue import grace_passes, jobs
from tests.jobs.worker import PATIENCE, ROOT, command, environment, kill, wait_for, work, working
from tests.kit import (
    declared,
    files_in,
    fresh,
    ledger_keys,
    named,
    picture,
    queued_jobs,
    ready,
    settle,
    variant_states,
)

pytestmark = pytest.mark.django_db(transaction=True)
QUICKLY = "--fetch-job-polling-interval=0.1"
PROCESSING = "rindle:process_variant"
HOUR = 3600.0


def sql(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []


def waiting() -> Asset:
    """An asset in the default storage whose one variant is queued."""
    with declared("perilous", variants={"thumb": ImageRecipe(width=50)}):
        asset = upload("perilous", named(picture(), "heron.jpg"))
        drain_jobs(queues=["rindle_promote", "rindle_purge"])
    return fresh(asset)


def statuses(task: str = PROCESSING) -> list[str]:
    return [status for name, status, _ in jobs() if name == task]


def queue_ages(seconds: float = HOUR) -> None:
    """Jobs began, and workers were last heard of, that much longer ago."""
    sql("UPDATE procrastinate_events SET at = at - make_interval(secs => %s)", seconds)
    sql("UPDATE procrastinate_workers SET last_heartbeat = last_heartbeat"
        " - make_interval(secs => %s)", seconds)  # fmt: skip


def jobs_age(seconds: float) -> None:
    """Jobs began that much longer ago; their workers are in the best of health."""
    sql("UPDATE procrastinate_events SET at = at - make_interval(secs => %s)", seconds)


@contextmanager
def at_work_on(asset: Asset, gate: Path, **extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in the midst of writing ``asset``'s variant, where it stays as long as ``gate``."""
    gate.touch()
    slow = {"RINDLE_TEST_SLOW": str(asset.pk), "RINDLE_TEST_GATE": str(gate)}
    with working("--queues=rindle_process", QUICKLY, **slow, **extra) as worker:
        try:
            wait_for("a run", ProcessingRun.objects.filter(outcome="running").exists)
            yield worker
        finally:
            gate.unlink(missing_ok=True)


def stop(worker: subprocess.Popen[bytes]) -> int:
    worker.send_signal(signal.SIGTERM)
    return worker.wait(PATIENCE)


def all_is_well(folder: Path) -> None:
    """Every object is known and needed, and no job of ours is left running."""
    for asset_id in Asset.objects.values_list("pk", flat=True):
        settle(asset_id)
    reconcile()
    drain_jobs(early=True)
    assert files_in(folder) == ledger_keys("present")
    assert ledger_keys("expected", "doomed") == set()
    assert not [row for row in jobs("doing") if row[0].startswith("rindle:")]


# --- dead workers ------------------------------------------------------------------------------


def test_a_killed_workers_job_is_resolved_once_it_has_been_silent__row_7(
    tmp_path: Path, media_folder: Path
):
    asset = waiting()
    with at_work_on(asset, tmp_path / "gate") as worker:
        kill(worker)
    assert statuses() == ["doing"]
    assert reconcile().stalled == 0  # its lease may still be renewed
    queue_ages()
    assert reconcile().stalled == 0
    grace_passes()
    report = reconcile()
    assert (report.stalled, report.variants) == (1, 1)
    assert statuses() == ["failed", "todo"]
    assert reconcile().stalled == 0
    work("--queues=rindle_process")
    assert variant_states(asset) == {"thumb": "ready"}
    all_is_well(media_folder)


def test_a_job_whose_worker_was_pruned_is_resolved_too__row_7(tmp_path: Path, media_folder: Path):
    """procrastinate#1518: no worker, no heartbeat, and nothing to be judged by but time."""
    asset = waiting()
    with at_work_on(asset, tmp_path / "gate") as worker:
        kill(worker)
    queue_ages(60)
    work("--queues=tests")  # another worker comes, and prunes the dead one's row
    assert sql("SELECT status::text, worker_id FROM procrastinate_jobs WHERE status = 'doing'") == [
        ("doing", None)
    ]
    grace_passes()
    assert reconcile().stalled == 0  # not yet longer than a lease
    queue_ages()
    assert reconcile().stalled == 1
    work("--queues=rindle_process")
    assert variant_states(asset) == {"thumb": "ready"}
    all_is_well(media_folder)


def test_the_dead_reconcilers_own_job_blocks_no_other():
    """Its queueing lock is taken by a tick that waits, which a retry would collide with."""
    library.enqueue(library.RECONCILE)
    sql("UPDATE procrastinate_jobs SET status = 'doing'")
    library.enqueue(library.RECONCILE)
    assert statuses("rindle:reconcile") == ["doing", "todo"]
    queue_ages()
    call_command("rindle_reconcile", format="json", stdout=(printed := StringIO()))
    assert json.loads(printed.getvalue())["stalled"] == 1
    assert statuses("rindle:reconcile") == ["failed", "todo"]
    work("--queues=rindle_maintenance")
    assert statuses("rindle:reconcile") == ["failed", "succeeded"]
    library.enqueue(library.RECONCILE)
    assert len(queued_jobs("rindle:reconcile")) == 1


# --- living workers ----------------------------------------------------------------------------


def test_a_job_whose_end_could_not_be_written_is_resolved_in_the_long_run__row_7(
    tmp_path: Path, media_folder: Path
):
    """``finish_job`` meets a lock; the worker lives on, and Procrastinate never looks again."""
    asset, gate = waiting(), tmp_path / "gate"
    with at_work_on(asset, gate, PGOPTIONS="-c lock_timeout=300ms") as worker:
        after = waiting()
        with transaction.atomic():
            sql("SELECT id FROM procrastinate_jobs WHERE status = 'doing' FOR UPDATE")
            gate.unlink()
            wait_for("the work", lambda: variant_states(asset) == {"thumb": "ready"})
            wait_for("the next job", lambda: variant_states(after) == {"thumb": "ready"})
        assert "doing" in statuses()
        jobs_age(600)
        assert reconcile().stalled == 0  # ten minutes are nothing
        jobs_age(HOUR)
        assert worker.poll() is None
        assert reconcile().stalled == 1
        assert "doing" not in statuses()
        assert stop(worker) == 0
    all_is_well(media_folder)


def test_a_worker_that_ends_a_job_resolved_meanwhile_lives_on__row_20(
    tmp_path: Path, media_folder: Path
):
    asset, gate = waiting(), tmp_path / "gate"
    with at_work_on(asset, gate) as worker:
        queue_ages()
        grace_passes()  # as if it had been asleep for all that time
        assert reconcile().stalled == 1
        gate.unlink()
        wait_for("its publication", lambda: variant_states(asset) == {"thumb": "ready"})
        after = waiting()
        wait_for("its next job", lambda: variant_states(after) == {"thumb": "ready"})
        wait_for("the end of the last", lambda: "doing" not in statuses())
        assert statuses()[0] == "failed"
        assert worker.poll() is None
        assert stop(worker) == 0
    all_is_well(media_folder)


def test_a_job_retried_by_hand_while_it_runs_is_work_done_once__row_7(
    tmp_path: Path, media_folder: Path
):
    asset, gate = waiting(), tmp_path / "gate"
    with at_work_on(asset, gate) as worker:
        [(job_id,)] = sql("SELECT id FROM procrastinate_jobs WHERE status = 'doing'")
        sql("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", job_id)
        work("--queues=rindle_process")  # finds the lease held
        assert statuses() == ["succeeded"]
        gate.unlink()
        wait_for("its publication", lambda: variant_states(asset) == {"thumb": "ready"})
        after = waiting()
        wait_for("its next job", lambda: variant_states(after) == {"thumb": "ready"})
        assert stop(worker) == 0
    assert ProcessingRun.objects.filter(asset_id=asset.pk).count() == 1
    assert statuses() == ["succeeded", "succeeded"]
    all_is_well(media_folder)


def test_a_job_under_a_live_lease_is_left_alone_however_old(tmp_path: Path):
    """A worker that drains after SIGTERM sends no heartbeats, and its job lives all the same."""
    asset, gate = waiting(), tmp_path / "gate"
    with at_work_on(asset, gate) as worker:
        worker.send_signal(signal.SIGTERM)
        queue_ages(100 * HOUR)
        assert reconcile().stalled == 0
        gate.unlink()
        assert worker.wait(PATIENCE) == 0
    assert statuses() == ["succeeded"]
    assert variant_states(asset) == {"thumb": "ready"}


# --- which jobs, and how many ------------------------------------------------------------------


def running(task: str, arguments: str = "{}", *, age: float = HOUR) -> int:
    """A job that nobody works on any more."""
    [(job_id,)] = sql(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
        " VALUES ('rindle_purge', %s, %s) RETURNING id",
        task,
        arguments,
    )
    sql("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", job_id)
    sql("UPDATE procrastinate_events SET at = at - make_interval(secs => %s) WHERE job_id = %s",
        age, job_id)  # fmt: skip
    return int(job_id)


def test_other_peoples_jobs_are_none_of_our_business():
    running("shop:send_invoice")
    assert fail_stalled(10) == 0
    assert statuses("shop:send_invoice") == ["doing"]


@pytest.mark.parametrize("arguments", ['{"asset_id": "%"}', '{"asset_id": 7}', '{"a": 1}', "[]"])
def test_arguments_that_nobody_understands_hold_nothing_up(arguments: str):
    running("rindle:purge_storage", arguments)
    running("rindle:purge_storage", json.dumps({"asset_id": str(ready().pk)}))
    assert fail_stalled(10) == 2


def test_a_pass_over_stalled_jobs_is_bounded_and_the_oldest_go_first():
    ids = [running("rindle:purge_storage") for _ in range(5)]
    assert [fail_stalled(2) for _ in range(4)] == [2, 2, 1, 0]
    failed = sql("SELECT job_id FROM procrastinate_events WHERE type = 'failed' ORDER BY id")
    assert [each for (each,) in failed] == ids


def test_a_job_that_somebody_is_just_ending_is_passed_over():
    first, second = running("rindle:purge_storage"), running("rindle:purge_storage")
    with transaction.atomic():
        sql("SELECT procrastinate_finish_job_v1(%s, 'succeeded', false)", first)
        assert Somebody(lambda: fail_stalled(10)).answer() == 1
    found = dict(sql("SELECT id, status::text FROM procrastinate_jobs"))
    assert found == {first: "succeeded", second: "failed"}


def test_the_search_reads_neither_the_archive_of_jobs_nor_of_events():
    sql(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status)"
        " SELECT 'rindle_process', 'rindle:process_variant', 'succeeded'"
        " FROM generate_series(1, 20000)"
    )
    sql("INSERT INTO procrastinate_events (job_id, type) SELECT id, 'started'"
        " FROM procrastinate_jobs")  # fmt: skip
    running("rindle:purge_storage")
    sql("ANALYZE procrastinate_jobs, procrastinate_events")
    try:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + stalled.STALLED, {**stalled._patience(), "limit": 500})
            plan = "\n".join(row[0] for row in cursor.fetchall())
    finally:
        sql("DELETE FROM procrastinate_jobs")
        sql("ANALYZE procrastinate_jobs, procrastinate_events")
    assert "Seq Scan on procrastinate_jobs" not in plan, plan
    assert "Seq Scan on procrastinate_events" not in plan, plan


# --- poison ------------------------------------------------------------------------------------


def serve(**extra: str) -> bool:
    """A supervisor starts a worker; whether it lived to the end of the queue."""
    done = subprocess.run(
        command("--one-shot"), cwd=ROOT, env=environment(**extra), capture_output=True,
        check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode == 0


def deaths_until(over: Callable[[], bool], **extra: str) -> int:
    """Workers are started anew, and the reconciler runs in between, until ``over``."""
    deaths = 0
    for _ in range(20):
        if over():
            return deaths
        deaths += not serve(**extra)
        grace_passes()
        queue_ages()
        reconcile()
    raise AssertionError(f"not over after {deaths} deaths")


def poison() -> Asset:
    with declared("perilous", variants={"thumb": ImageRecipe(width=50)}):
        content = picture(comment=DEADLY_COMMENT)
        return upload("perilous", named(content, "poison.jpg"))


def test_a_file_that_kills_every_scanner_is_quarantined_while_others_go_on__W1_6(
    media_folder: Path,
):
    before, deadly, after = waiting(), poison(), upload("photo", named(picture(), "owl.jpg"))
    assert deaths_until(lambda: fresh(deadly).state == "quarantined") == 3
    assert fresh(deadly).reason_code == "worker_lost"
    assert {fresh(each).state for each in (before, after)} == {"ready"}
    assert serve()
    all_is_well(media_folder)


def test_a_variant_that_kills_every_worker_fails_while_others_go_on__W1_6(media_folder: Path):
    before, deadly, after = waiting(), waiting(), waiting()
    thumb = deadly.variants.get()
    perils = {"RINDLE_TEST_DEADLY": str(deadly.pk)}
    assert deaths_until(lambda: variant_states(deadly) == {"thumb": "failed"}, **perils) == 5
    thumb.refresh_from_db()
    assert (thumb.reason_code, thumb.attempts) == ("worker_lost", 5)
    assert {fresh(each).state for each in (before, after)} == {"ready"}
    assert fresh(deadly).state == "degraded"
    runs = ProcessingRun.objects.filter(asset_id=deadly.pk)
    assert list(runs.values_list("outcome", flat=True)) == ["lost"] * 5
    all_is_well(media_folder)


def test_a_job_retried_by_hand_does_not_escape_the_budget__W1_6(media_folder: Path):
    """Whoever rings, and however often: tries are counted by the row, before the work."""
    deadly = waiting()
    perils = {"RINDLE_TEST_DEADLY": str(deadly.pk)}
    deaths = 0
    for _ in range(8):
        sql("UPDATE procrastinate_jobs SET status = 'todo', attempts = 0, scheduled_at = NULL,"
            " abort_requested = false WHERE task_name = %s", PROCESSING)  # fmt: skip
        deaths += not serve(**perils)
        grace_passes()
    assert deaths == 5
    assert variant_states(deadly) == {"thumb": "failed"}
    assert Variant.objects.get().reason_code == "worker_lost"
    assert requeue_variants(deadly.pk) == ["thumb"]  # by a person's decision, with a new budget
    assert serve()
    assert fresh(deadly).state == "ready"
    all_is_well(media_folder)
