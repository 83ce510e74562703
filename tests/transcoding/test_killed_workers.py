"""Real worker processes that die over a transcode, or are told to end: it costs nothing but time.

What FFmpeg is left and which working copies are, is counted.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from rindle_django import requeue_variants, workspace
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.operations.invariants import violations
from rindle_django.operations.reconcile import reconcile
from tests.durability.passing_time import let_pass
from tests.jobs.queue import jobs
from tests.jobs.worker import PATIENCE, kill, wait_for, work, working
from tests.kit import files_in, fresh, ledger_keys, variant_states
from tests.transcoding.clips import REEL, filmed, long_clip
from tests.transcoding.processes import transcoders, working_copies

pytestmark = pytest.mark.django_db(transaction=True)
MEDIA = "--queues=rindle_media,rindle_purge"


@pytest.fixture
def here() -> dict[str, Any]:
    """Workers put their working copies where the test counts them, and are soon given up."""
    return {"RINDLE_TEST_LEASE": "2", "RINDLE_TEST_WORK": str(workspace.root())}


@pytest.fixture(autouse=True)
def _short_leases(settings: Settings) -> None:
    settings.RINDLE = {**settings.RINDLE, "LEASE": 2, "RECONCILE_GRACE": 1}


def come_to_rest(here: dict[str, Any], folder: Path) -> None:
    """What dead writers may still have written is waited for, and deleted."""
    for _ in range(2):
        let_pass(3600)
        reconcile()
        work(MEDIA, **here)
    assert violations(at_rest=True, checksums=True) == []
    assert files_in(folder) == ledger_keys("present")
    assert transcoders() == set()
    assert working_copies() == []


def test_a_worker_killed_over_a_transcode_leaves_no_ffmpeg_and_no_file__W1_6_W3_8(
    slow: str, media_folder: Path, here: dict[str, Any]
):
    asset = filmed(slow, long_clip())
    with working(MEDIA, **here) as worker:
        wait_for("FFmpeg at work", transcoders)
        assert len(working_copies()) == 1
        kill(worker)
    wait_for("FFmpeg's end", lambda: not transcoders())
    assert variant_states(asset) == {"slow": "processing"}
    assert ledger_keys("expected")
    assert len(working_copies()) == 1

    assert reconcile().folders == 1  # at once, not after hours
    assert working_copies() == []
    wait_for("the lease's end", lambda: not _leased())
    assert reconcile().variants == 1
    work(MEDIA, **here)

    assert variant_states(asset) == {"slow": "ready"}
    assert fresh(asset).state == "ready"
    come_to_rest(here, media_folder)
    assert len(files_in(media_folder)) == 2
    outcomes = ProcessingRun.objects.order_by("fence").values_list("outcome", flat=True)
    assert list(outcomes) == ["lost", "succeeded"]


def _leased() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM rindle_variant WHERE lease_until > now() OR wake_at > now()"
        )
        return bool(cursor.fetchone()[0])


def test_the_next_who_needs_room_removes_what_a_killed_worker_left(slow: str, here: dict[str, Any]):
    filmed(slow, long_clip())
    with working(MEDIA, **here) as worker:
        wait_for("FFmpeg at work", transcoders)
        kill(worker)
    [left] = working_copies()
    wait_for("FFmpeg's end", lambda: not transcoders())
    workspace._looked.clear()  # a new process has not looked yet
    with workspace.workspace() as folder:
        assert working_copies() == [folder.name]
    assert left != folder.name


def test_a_worker_that_is_told_to_end_finishes_its_transcode_first(
    slow: str, media_folder: Path, here: dict[str, Any]
):
    asset = filmed(slow, long_clip())
    with working(MEDIA, **here) as worker:
        wait_for("FFmpeg at work", transcoders)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0
    assert variant_states(asset) == {"slow": "ready"}
    assert {status for _, status, _ in jobs()} == {"succeeded"}
    come_to_rest(here, media_folder)


def test_one_that_is_given_no_time_for_it_is_taken_over(
    slow: str, media_folder: Path, here: dict[str, Any]
):
    asset = filmed(slow, long_clip())
    with working(MEDIA, "--shutdown-graceful-timeout=0.1", **here) as worker:
        wait_for("FFmpeg at work", transcoders)
        worker.send_signal(signal.SIGTERM)
        wait_for("the end of its patience", lambda: worker.poll() is not None or _aborted())
        kill(worker)
    wait_for("FFmpeg's end", lambda: not transcoders())
    if variant_states(asset) != {"slow": "ready"}:
        wait_for("the lease's end", lambda: not _leased())
        reconcile()
        work(MEDIA, **here)
    assert variant_states(asset) == {"slow": "ready"}
    come_to_rest(here, media_folder)
    assert len(files_in(media_folder)) == 2


def _aborted() -> bool:
    return any(status in ("aborted", "todo") for _, status, _ in jobs())


def test_a_stream_whose_worker_is_killed_while_it_stores_is_one_set_of_objects(
    reel: str, media_folder: Path, here: dict[str, Any]
):
    asset = filmed(reel)
    with working(MEDIA, **here, RINDLE_TEST_DEADLY=".m3u8") as worker:
        worker.wait(PATIENCE)  # it dies when it is to store a playlist
    assert variant_states(asset)["stream"] == "processing"
    wait_for("the lease's end", lambda: not _leased())
    reconcile()
    work(MEDIA, **here)
    assert variant_states(asset) == dict.fromkeys(REEL, "ready")
    come_to_rest(here, media_folder)
    mains = set(Variant.objects.values_list("object_id", flat=True))
    parts = StoredObject.objects.filter(state="present", part_of__isnull=False)
    assert parts.exists()
    assert {part.part_of_id for part in parts} <= mains
    assert Asset.objects.get().state == "ready"
    assert requeue_variants(asset.pk) == []
