"""What a dead or a slow worker leaves is taken over; a verdict meanwhile has the last word."""

from __future__ import annotations

from pathlib import Path

import pytest

from rindle_django import discard
from rindle_django.lifecycle import transition
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.operations.reconcile import reconcile
from rindle_django.processing import process_variant
from rindle_django.promotion import promote
from rindle_django.testing import drain_jobs
from tests.kit import (
    edges,
    files_in,
    fresh,
    ledger_keys,
    settle,
    variant_states,
)
from tests.promotion.workers import die, killed, lease_over, promoted, waiting
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)


# --- killed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["stat", "read_range", "copy", "download"])
def test_a_killed_attempt_is_entered_again__W1_6_D8(sky: Sky, operation: str):
    asset = waiting()
    sky.before(operation, die)
    with killed():
        promote(str(asset.pk))
    sky.clear_up()
    promote(str(asset.pk))  # too early: for all we know it is alive
    assert (fresh(asset).state, fresh(asset).attempts) == ("analyzing", 1)
    lease_over(Asset)
    promote(str(asset.pk))
    drain_jobs()
    assert fresh(asset).state == "ready"
    assert edges(asset).count("validating>analyzing") == 1


def test_the_reconciler_rings_for_a_killed_attempt__W1_6(sky: Sky):
    asset = waiting()
    sky.before("copy", die)
    with killed():
        drain_jobs()
    sky.clear_up()
    assert reconcile().assets == 0
    lease_over(Asset)
    assert reconcile().assets == 1
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_a_file_that_kills_every_worker_is_quarantined__W1_6(sky: Sky):
    asset = waiting()
    sky.before("download", die)
    for _ in range(3):
        with killed():
            promote(str(asset.pk))
        lease_over(Asset)
    promote(str(asset.pk))
    assert (fresh(asset).state, fresh(asset).reason_code) == ("quarantined", "worker_lost")
    assert sky.calls["download"] == 3


def test_a_death_in_the_midst_of_an_outage_is_no_verdict__U19_W1_5(sky: Sky):
    """Two tries met a storage that was down, the third a deployment: the file is innocent."""
    asset = waiting()
    sky.break_down("copy")
    drain_jobs(limit=2)
    sky.before("copy", die)
    with killed():
        promote(str(asset.pk))
    sky.clear_up()
    lease_over(Asset)
    promote(str(asset.pk))
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_deaths_alone_condemn_in_the_round_after_an_outage_too__W1_6(sky: Sky):
    asset = waiting()
    sky.break_down("copy")
    drain_jobs(limit=2)
    sky.before("copy", die)
    for _ in range(1 + 3):
        with killed():
            promote(str(asset.pk))
        lease_over(Asset)
    promote(str(asset.pk))
    assert (fresh(asset).state, fresh(asset).reason_code) == ("quarantined", "worker_lost")


def test_a_slow_worker_publishes_nothing_after_its_claim_was_taken_over__W1_8(
    sky: Sky, media_folder: Path
):
    asset = waiting()

    def the_lease_runs_out_and_another_comes() -> None:
        sky.clear_up()
        lease_over(Asset)
        promote(str(asset.pk))
        assert fresh(asset).state == "processing"

    sky.before("download", the_lease_runs_out_and_another_comes)
    promote(str(asset.pk))
    assert edges(asset).count("promoting>available") == 1
    drain_jobs()
    settle(asset.pk)
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"
    originals = StoredObject.objects.filter(asset=asset, purpose="original", state="present")
    assert originals.count() == 1
    assert files_in(media_folder) == ledger_keys("present")


def test_a_slow_worker_publishes_nothing_while_another_has_its_claim__W1_8(sky: Sky):
    """The other is not done yet, or died: the row still says analyzing, the fence says whose."""
    asset = waiting()

    def another_takes_over_and_dies() -> None:
        lease_over(Asset)
        sky.before("copy", die)
        with killed():
            promote(str(asset.pk))
        sky.clear_up()

    sky.before("download", another_takes_over_and_dies)
    promote(str(asset.pk))
    assert (fresh(asset).state, fresh(asset).fence) == ("analyzing", 2)
    assert fresh(asset).original is None
    lease_over(Asset)
    promote(str(asset.pk))
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_a_killed_variant_is_entered_again__W1_6_D8_D10(sky: Sky, media_folder: Path):
    asset = promoted()
    sky.before("put_file", die)
    with killed():
        drain_jobs()
    sky.clear_up()
    process_variant(str(asset.pk), "thumb")
    assert variant_states(asset) == {"thumb": "processing"}
    lease_over(Variant)
    process_variant(str(asset.pk), "thumb")
    assert fresh(asset).state == "ready"
    assert "processing>failed" not in edges(asset, "variant")
    runs = ProcessingRun.objects.filter(asset_id=asset.pk).order_by("fence")
    assert [run.outcome for run in runs] == ["lost", "succeeded"]


def test_a_variant_that_kills_five_workers_has_failed__W1_6(sky: Sky):
    asset = promoted()
    sky.before("put_file", die)
    for _ in range(5):
        with killed():
            process_variant(str(asset.pk), "thumb")
        lease_over(Variant)
    process_variant(str(asset.pk), "thumb")
    variant = asset.variants.get()
    assert (variant.state, variant.reason_code) == ("failed", "worker_lost")
    assert fresh(asset).state == "degraded"


def test_a_slow_renderer_cannot_replace_a_faster_ones_output__W1_8_W1_9(
    sky: Sky, media_folder: Path
):
    asset = promoted()

    def another_is_faster() -> None:
        sky.clear_up()
        lease_over(Variant)
        process_variant(str(asset.pk), "thumb")

    sky.before("put_file", another_is_faster)
    process_variant(str(asset.pk), "thumb")
    variant = asset.variants.select_related("object").get()
    assert variant.state == "ready"
    assert variant.object is not None
    slow, fast = ProcessingRun.objects.order_by("fence")
    assert fast.outcome == "succeeded"
    assert slow.outcome in ("lost", "superseded")
    settle(asset.pk)
    drain_jobs(early=True)
    assert (media_folder / variant.object.key).exists()
    assert files_in(media_folder) == ledger_keys("present")


# --- overtaken by a verdict or a deletion ------------------------------------------------------


@pytest.mark.parametrize("operation", ["copy", "download"])
def test_quarantined_during_promotion_it_is_not_published__D1_W1_10(sky: Sky, operation: str):
    asset = waiting()
    sky.before(operation, lambda: transition(fresh(asset), "quarantined"))
    drain_jobs()
    assert fresh(asset).state == "quarantined"
    assert asset.variants.count() == 0
    assert fresh(asset).original is None


def test_deleted_during_promotion_it_leaves_nothing(sky: Sky, media_folder: Path):
    asset = waiting()
    sky.before("download", lambda: discard(asset.pk))
    drain_jobs()
    settle(asset.pk)
    drain_jobs(early=True)
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


@pytest.mark.parametrize("end", ["quarantined", "deleted"])
def test_no_finishing_variant_brings_an_ended_asset_back__D1_W1_10(
    sky: Sky, end: str, media_folder: Path
):
    asset = promoted()
    sky.before("put_file", lambda: transition(fresh(asset), end))
    drain_jobs()
    current = Asset.objects.filter(pk=asset.pk).first()
    assert current is None or current.state == end
    assert edges(asset)[-1] == f"processing>{end}"
    assert not Variant.objects.filter(asset_id=asset.pk, state="ready").exists()
