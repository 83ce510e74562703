"""A transcode that nobody wants any more is really stopped: no FFmpeg is left, and no file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from rindle_django import cancel_processing, discard, requeue_variants
from rindle_django.lifecycle import locked, transition as move
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.operations.erasure import erase_owner
from rindle_django.operations.invariants import violations
from rindle_django.operations.reconcile import reconcile
from rindle_django.processing import process_variant
from rindle_django.testing import drain_jobs
from tests.crowd import Somebody
from tests.jobs.queue import grace_passes
from tests.jobs.worker import wait_for
from tests.kit import files_in, fresh, ledger_keys, variant_states
from tests.transcoding.clips import filmed, long_clip
from tests.transcoding.processes import transcoders, working_copies

pytestmark = pytest.mark.django_db(transaction=True)


def at_work(asset: Asset) -> Somebody:
    worker = Somebody(partial(process_variant, str(asset.pk), "slow"))
    wait_for("FFmpeg at work", transcoders)
    assert len(working_copies()) == 1
    return worker


def stopped(worker: Somebody) -> None:
    """Its worker has come back, and left nothing of it."""
    assert worker.answer() is None
    assert transcoders() == set()
    assert working_copies() == []


def at_rest(folder: Path) -> None:
    for _ in range(3):
        grace_passes()
        reconcile()
        drain_jobs(early=True)
    assert violations(at_rest=True) == []
    assert files_in(folder) == ledger_keys("present")


def told(events: Any) -> list[tuple[object, object]]:
    ends = events.named("rindle.media.transcode.exception")
    assert not events.named("rindle.media.transcode.stop")
    return [(each["kind"], each["reason"]) for each in ends]


def test_a_cancelled_one_is_stopped_and_can_be_asked_for_again__W1_7_W3_8(
    slow: str, media_folder: Path, events: Any
):
    asset = filmed(slow, long_clip())
    worker = at_work(asset)
    assert cancel_processing(asset.pk) == ["slow"]
    stopped(worker)
    assert variant_states(asset) == {"slow": "cancelled"}
    assert list(ProcessingRun.objects.values_list("outcome", flat=True)) == ["superseded"]
    assert told(events) == [("cancelled", "cancelled")]
    assert Variant.objects.get().progress is None
    at_rest(media_folder)
    assert requeue_variants(asset.pk) == ["slow"]
    assert variant_states(asset) == {"slow": "queued"}


def test_one_of_an_asset_that_is_quarantined_is_stopped__W1_7_W3_8(
    slow: str, media_folder: Path, events: Any
):
    asset = filmed(slow, long_clip())
    worker = at_work(asset)
    with locked(asset.pk) as row:
        assert move(row, "quarantined", reason_code="reported", reason="By a moderator.")
    stopped(worker)
    assert variant_states(asset) == {"slow": "cancelled"}
    assert told(events) == [("cancelled", "asset_quarantined")]
    assert len(files_in(media_folder)) == 1  # the original, until cleanup's time
    assert StoredObject.objects.filter(purpose="variant", state="present").count() == 0


def test_one_of_an_asset_that_is_discarded_is_stopped_and_all_of_it_goes__W1_4_W3_8(
    slow: str, media_folder: Path, events: Any
):
    asset = filmed(slow, long_clip())
    worker = at_work(asset)
    assert discard(asset.pk)
    stopped(worker)
    assert told(events) == [("cancelled", "superseded")]
    at_rest(media_folder)
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


def test_one_of_an_owner_who_is_erased_is_stopped_and_nothing_of_it_stays__W3_8(
    slow: str, media_folder: Path
):
    person = get_user_model().objects.create(username="owner")
    worker = at_work(filmed(slow, long_clip(), actor=person))
    report = erase_owner(f"auth.user:{person.pk}", uploads=True)
    assert report.uploads_to_discard.count == 1
    stopped(worker)
    at_rest(media_folder)
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


@pytest.mark.parametrize("again", [cancel_processing, requeue_variants])
def test_what_was_cancelled_before_its_turn_starts_no_ffmpeg(
    slow: str, again: Callable[..., list[str]]
):
    asset = filmed(slow, long_clip())
    cancel_processing(asset.pk)
    process_variant(str(asset.pk), "slow")
    assert not ProcessingRun.objects.exists()
    assert again(asset.pk) == ([] if again is cancel_processing else ["slow"])
    assert fresh(asset).state == ("degraded" if again is cancel_processing else "transcoding")
