"""What fails is tried again, what dies is taken over, and what is done is done once."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

from rindle_django import requeue_variants
from rindle_django.models import Asset, ProcessingRun, StoredObject
from rindle_django.operations.reconcile import reconcile
from rindle_django.processing import process_variant
from rindle_django.promotion import promote
from rindle_django.testing import drain_jobs
from tests.crowd import at_once
from tests.kit import (
    JPEG,
    edges,
    files_in,
    fresh,
    ledger_keys,
    picture,
    queued_jobs,
    settle,
    variant_states,
)
from tests.promotion.workers import promoted, waiting
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)


# --- transient errors --------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["stat", "read_range", "copy", "download"])
def test_an_outage_retries_and_never_quarantines__U19_W1_5(sky: Sky, operation: str):
    asset = waiting()
    sky.break_down(operation)
    sky.calls.clear()
    drain_jobs()
    asset = fresh(asset)
    assert (asset.state, asset.reason_code) == ("analyzing", "storage_unavailable")
    assert sky.calls[operation] == 3  # three tries a round, the first included
    assert (asset.attempts, asset.lease_until) == (0, None)
    sky.clear_up()
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"
    assert fresh(asset).reason_code == ""
    assert "quarantined" not in " ".join(edges(asset))


def test_a_volume_that_is_gone_is_an_outage_too__U19_W1_5(media_folder: Path):
    asset = waiting()
    away = media_folder.with_name("away")
    media_folder.rename(away)
    media_folder.touch()  # not even a folder any more
    drain_jobs()
    assert (fresh(asset).state, fresh(asset).reason_code) == ("analyzing", "storage_unavailable")
    media_folder.unlink()
    away.rename(media_folder)
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"


def test_an_error_nobody_foresaw_is_retried_and_its_text_is_not_kept__U19_C2(sky: Sky):
    def trip() -> None:
        raise RuntimeError("https://bucket/key?X-Amz-Signature=secret")

    asset = waiting()
    sky.before("copy", trip)
    drain_jobs()
    asset = fresh(asset)
    assert (asset.state, asset.reason_code) == ("analyzing", "unexpected")
    assert asset.reason == "builtins.RuntimeError"


def test_rounds_go_on_for_as_long_as_it_takes__U19(sky: Sky):
    asset = waiting()
    sky.break_down("read_range")
    for _ in range(4):
        drain_jobs(early=True, limit=3)
    assert fresh(asset).state == "analyzing"
    assert sky.calls["read_range"] == 12
    assert len(queued_jobs("rindle:promote_asset")) == 1


def test_an_outage_leaves_no_copies_behind(sky: Sky, media_folder: Path):
    asset = waiting()
    sky.break_down("download")
    drain_jobs()
    sky.clear_up()
    drain_jobs(early=True)
    assert len(ledger_keys("doomed")) == 3
    settle(asset.pk)
    assert reconcile().objects
    drain_jobs(early=True)
    assert files_in(media_folder) == ledger_keys("present")
    assert ledger_keys("expected", "doomed") == set()


def test_a_profile_that_is_gone_waits_for_its_return__D11_U25():
    asset = waiting(profile="plain")
    Asset.objects.filter(pk=asset.pk).update(profile="renamed")
    outcomes = drain_jobs()
    assert {getattr(each.error, "code", None) for each in outcomes} == {"profile_gone"}
    assert (fresh(asset).state, fresh(asset).reason_code) == ("analyzing", "profile_gone")
    Asset.objects.filter(pk=asset.pk).update(profile="plain")
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"


def test_a_row_names_its_profile_by_its_registered_name__D11():
    assert waiting(profile="plain").profile == "plain"


def test_a_variant_is_tried_five_times_and_then_has_failed__D10(sky: Sky):
    asset = promoted()
    sky.break_down("download")
    before = sky.calls["download"]
    drain_jobs()
    variant = asset.variants.get()
    assert sky.calls["download"] - before == 5
    assert (variant.state, variant.reason_code) == ("failed", "storage_unavailable")
    assert fresh(asset).state == "degraded"
    runs = ProcessingRun.objects.filter(asset_id=asset.pk).order_by("fence")
    assert [run.outcome for run in runs] == ["retried"] * 4 + ["failed"]
    assert [run.attempt for run in runs] == [1, 2, 3, 4, 5]
    assert all(run.finished_at is not None and run.worker for run in runs)
    assert drain_jobs(early=True, queues=["rindle_process"]) == []


def test_a_degraded_asset_is_ready_again_when_its_variants_are__D8(sky: Sky):
    asset = promoted()
    sky.break_down("put_file")
    drain_jobs()
    assert fresh(asset).state == "degraded"
    sky.clear_up()
    assert requeue_variants(asset.pk) == ["thumb"]
    drain_jobs()
    assert fresh(asset).state == "ready"
    assert edges(asset)[-3:] == ["processing>degraded", "degraded>processing", "processing>ready"]


def test_a_variant_that_fails_for_good_is_tried_once__C2(media_folder: Path, sky: Sky):
    asset = promoted()
    assert asset.original is not None
    original = media_folder / asset.original.key
    original.unlink()
    original.write_bytes(bytes(len(JPEG)))
    before = sky.calls["download"]
    drain_jobs()
    variant = asset.variants.get()
    assert (variant.state, variant.reason_code) == ("failed", "checksum_mismatch")
    assert sky.calls["download"] - before == 1


# --- done once ---------------------------------------------------------------------------------


def test_promoting_twice_is_the_same_as_once__W1_14():
    asset = waiting()
    promote(str(asset.pk))
    promote(str(asset.pk))
    assert edges(asset).count("promoting>available") == 1
    drain_jobs()
    promote(str(asset.pk))
    assert fresh(asset).state == "ready"
    assert StoredObject.objects.filter(asset=asset, purpose="original").count() == 1


def test_of_four_who_promote_at_once_one_does__W1_14(media_folder: Path):
    asset = waiting()
    assert at_once(*[lambda: promote(str(asset.pk))] * 4) == [None] * 4
    assert edges(asset).count("validating>analyzing") == 1
    assert edges(asset).count("promoting>available") == 1
    assert len(queued_jobs("rindle:process_variant")) == 1
    drain_jobs()
    assert fresh(asset).state == "ready"
    assert files_in(media_folder) == ledger_keys("present")


def test_a_second_job_during_the_last_try_condemns_nobody__W1_14(sky: Sky):
    """The third try is at work; a duplicate job finds the tries spent, and a live lease."""
    asset = waiting()
    sky.break_down("read_range")
    drain_jobs(limit=2)
    assert fresh(asset).attempts == 2

    seen = []

    def a_duplicate_comes() -> None:
        sky.clear_up()
        promote(str(asset.pk))
        seen.append((fresh(asset).state, fresh(asset).attempts))

    sky.before("read_range", a_duplicate_comes)
    drain_jobs()
    assert seen == [("analyzing", 3)]
    assert fresh(asset).state == "ready"


def test_making_variants_twice_is_the_same_as_once():
    asset = promoted("photo")
    answers = at_once(
        *[
            partial(process_variant, str(asset.pk), name)
            for name in ("thumb", "medium", "large", "thumb", "medium", "large")
        ]
    )
    assert answers == [None] * 6
    drain_jobs()
    assert fresh(asset).state == "ready"
    assert ProcessingRun.objects.filter(asset_id=asset.pk).count() == 3
    assert ledger_keys("expected", "doomed") == set()


def test_a_job_for_what_is_not_there_ends_quietly():
    nothing, asset = str(uuid4()), promoted()
    promote(nothing)
    process_variant(nothing, "thumb")
    process_variant(str(asset.pk), "no-such-variant")
    assert variant_states(asset) == {"thumb": "queued"}


def test_a_folder_of_work_is_gone_after_success_and_failure(
    sky: Sky, tmp_path: Path, settings: Settings
):
    folder = tmp_path / "here"
    folder.mkdir()
    settings.RINDLE = {**settings.RINDLE, "TEMP_DIR": str(folder)}
    waiting(picture(200, 200))
    drain_jobs()
    assert list(folder.iterdir()) == []
    sky.break_down("download")
    waiting()
    drain_jobs()
    assert list(folder.iterdir()) == []
    shutil.rmtree(folder)
