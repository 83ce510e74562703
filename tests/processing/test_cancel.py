"""Work that is stopped: by an operator, or by the worker itself when it cannot be sure any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from rindle_django import ImageRecipe, cancel_processing, requeue_variants
from rindle_django.models import Asset, ProcessingRun, Variant
from rindle_django.operations.invariants import violations
from rindle_django.operations.reconcile import reconcile
from rindle_django.processing import process_variant
from rindle_django.testing import drain_jobs
from tests.crowd import Somebody, wait_until_blocked
from tests.jobs.queue import grace_passes
from tests.jobs.worker import wait_for
from tests.kit import (
    arrive,
    declared,
    files_in,
    fresh,
    ledger_keys,
    picture,
    queued_jobs,
    refused,
    variant_states,
)
from tests.media.decoders import decoders, wait_until
from tests.rows import row_in

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = ("large", "medium", "thumb")


def waiting(profile: str = "photo", content: bytes | None = None) -> Asset:
    asset = arrive(content or picture(), profile=profile)
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    return fresh(asset)


def at_rest() -> None:
    for _ in range(3):
        grace_passes()
        reconcile()
        drain_jobs(early=True)
    assert violations(at_rest=True) == []


@pytest.fixture
def slow() -> Iterator[str]:
    """A profile whose one variant takes many seconds to make."""
    recipe = ImageRecipe(width=8000, format="webp", quality=95)
    with declared("slow", variants={"huge": recipe}, content_types=("image/jpeg",)):
        yield "slow"


def test_queued_variants_are_cancelled_and_their_jobs_find_nothing_to_do__W1_7_U18():
    asset = waiting()
    assert cancel_processing(asset.pk) == list(NAMES)
    drain_jobs()
    assert variant_states(asset) == dict.fromkeys(NAMES, "cancelled")
    assert fresh(asset).state == "degraded"
    assert set(Variant.objects.values_list("reason_code", flat=True)) == {"cancelled"}
    assert not ProcessingRun.objects.exists()
    at_rest()


def test_planned_siblings_are_cancelled_too__W1_7_U18():
    planned = row_in("variant", "planned", asset=row_in("asset", "processing"))
    assert isinstance(planned, Variant)
    assert cancel_processing(planned.asset_id) == [planned.name]
    planned.refresh_from_db()
    assert planned.state == "cancelled"


@pytest.mark.parametrize("name", NAMES)
def test_one_of_several_can_be_cancelled_whichever_their_job_names(name: str):
    asset = waiting()
    assert len(queued_jobs("rindle:process_variant")) == 1
    assert cancel_processing(asset.pk, [name]) == [name]
    drain_jobs()
    assert variant_states(asset) == dict.fromkeys(NAMES, "ready") | {name: "cancelled"}


def test_cancelling_twice_is_the_same_as_once():
    asset = waiting()
    cancel_processing(asset.pk)
    assert cancel_processing(asset.pk) == []
    with refused("variant_not_cancellable"):
        cancel_processing(asset.pk, ["thumb"])
    with refused("unknown_variant"):
        cancel_processing(asset.pk, ["no-such"])


def test_what_was_cancelled_can_be_asked_for_again__W1_13():
    asset = waiting()
    cancel_processing(asset.pk)
    assert requeue_variants(asset.pk) == list(NAMES)
    drain_jobs()
    assert fresh(asset).state == "ready"
    at_rest()


def test_a_cancellation_that_is_rolled_back_stops_nothing():
    asset = waiting()
    with transaction.atomic():
        cancel_processing(asset.pk)
        transaction.set_rollback(True)
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_a_running_variant_is_really_stopped__W1_7_U18(slow: str, media_folder: Path):
    asset = waiting(slow, picture(8000, 6000))
    worker = Somebody(lambda: process_variant(str(asset.pk), "huge"))
    wait_for("the decoder at work", lambda: _running(asset) and decoders())
    cancel_processing(asset.pk)
    assert worker.answer() is None
    assert not decoders()
    assert variant_states(asset) == {"huge": "cancelled"}
    assert set(ProcessingRun.objects.values_list("outcome", flat=True)) == {"superseded"}
    assert len(queued_jobs("rindle:process_variant")) == 1  # its own, from the promotion
    drain_jobs(early=True)
    assert files_in(media_folder) == ledger_keys("present")
    at_rest()


def test_a_worker_that_cannot_renew_its_claim_stops_before_another_takes_over(
    slow: str, settings: Settings, media_folder: Path
):
    settings.RINDLE = {**settings.RINDLE, "LEASE": 3}
    asset = waiting(slow, picture(8000, 6000))
    worker = Somebody(lambda: process_variant(str(asset.pk), "huge"))
    wait_for("the decoder at work", lambda: _running(asset) and decoders())
    with transaction.atomic():
        variant = Variant.objects.select_for_update().get(asset=asset)
        assert variant.lease_until is not None
        wait_until_blocked()  # the renewal
        assert wait_until(lambda: not decoders(), seconds=10)
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp() < %s", [variant.lease_until])
            assert cursor.fetchone() == (True,)
    assert worker.answer() is None
    assert variant_states(asset) == {"huge": "queued"}
    assert set(ProcessingRun.objects.values_list("outcome", flat=True)) == {"retried"}
    cancel_processing(asset.pk)
    at_rest()


def _running(asset: Asset) -> bool:
    return Variant.objects.filter(asset=asset, state="processing").exists()
