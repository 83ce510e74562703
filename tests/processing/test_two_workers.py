"""Two workers, or a worker and an operator, at one asset. Scripts of two people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from rindle_django import discard, requeue_variants
from rindle_django.lifecycle import locked, transition as move
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.operations.reconcile import reconcile
from rindle_django.processing import process_variant
from rindle_django.promotion import promote
from rindle_django.purge import purge
from rindle_django.testing import drain_jobs
from tests.crowd import PATIENCE, Doze, Somebody, at_once, holding, wait_until_blocked
from tests.jobs.queue import forget_jobs, grace_passes
from tests.jobs.worker import wait_for
from tests.kit import (
    arrive,
    edges,
    files_in,
    fresh,
    ledger_keys,
    picture,
    queued_jobs,
    variant_states,
)
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = ("thumb", "medium", "large")


def promoted(profile: str = "open") -> Asset:
    """An asset whose one variant is queued."""
    asset = arrive(picture(), profile=profile)
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    return fresh(asset)


def photo() -> Asset:
    return promoted("photo")


def work_at(asset: Asset, name: str = "thumb") -> Somebody:
    return Somebody(lambda: process_variant(str(asset.pk), name))


def come_next(asset: Asset) -> None:
    """Another worker comes to each variant, long after the first was last heard of."""
    grace_passes()
    for name in NAMES:
        process_variant(str(asset.pk), name)


def asleep_before(sky: Sky, operation: str) -> Doze:
    doze = Doze()
    sky.before(operation, doze)
    return doze


def clean(folder: Path) -> None:
    """Whatever happened: what is stored is served, and nothing else is."""
    reconcile()
    drain_jobs(early=True)
    assert files_in(folder) == ledger_keys("present")
    assert ledger_keys("expected", "doomed") == set()


# --- process x process -------------------------------------------------------------------------


def test_of_two_workers_one_has_the_claim_and_the_other_nothing_to_do__W1_14(
    sky: Sky, media_folder: Path
):
    asset = photo()
    doze = asleep_before(sky, "download")
    first = work_at(asset)
    doze.during(lambda: process_variant(str(asset.pk), "thumb"))
    assert first.answer() is None
    assert ProcessingRun.objects.filter(variant_name="thumb").count() == 1
    assert variant_states(asset) == dict.fromkeys(NAMES, "ready")
    clean(media_folder)


def test_many_workers_let_go_together_make_each_variant_once(sky: Sky, media_folder: Path):
    asset = photo()
    at_once(*(partial(process_variant, str(asset.pk), name) for name in NAMES))
    assert ProcessingRun.objects.count() == 3
    assert sky.calls["put_file"] == 3
    assert fresh(asset).state == "ready"
    clean(media_folder)


def test_many_promotions_let_go_together_promote_once__W1_14(sky: Sky, media_folder: Path):
    asset = arrive(picture())
    answers = at_once(*[lambda: promote(str(asset.pk))] * 4)
    assert answers == [None] * 4
    assert sky.calls["copy"] == 1
    assert edges(asset).count("promoting>available") == 1
    assert len(queued_jobs("rindle:process_variant")) == 1


# --- takeover: the former holder comes too late ------------------------------------------------


@pytest.mark.parametrize("point", ["download", "put_file"])
def test_a_worker_that_was_taken_over_publishes_nothing_and_leaves_nothing__W1_8_W1_9(
    sky: Sky, media_folder: Path, point: str
):
    asset = photo()
    doze = asleep_before(sky, point)
    zombie = work_at(asset)

    def take_over() -> dict[str, Any]:
        come_next(asset)
        return dict(asset.variants.values_list("name", "object_id"))

    published = doze.during(take_over)
    assert zombie.answer() is None
    assert all(published.values())
    assert dict(asset.variants.values_list("name", "object_id")) == published
    outcomes = ProcessingRun.objects.order_by("variant_name", "fence")
    assert list(outcomes.values_list("outcome", flat=True)) == ["lost", "succeeded"] * 3
    assert fresh(asset).state == "ready"
    drain_jobs()
    assert len(files_in(media_folder)) == 4
    clean(media_folder)


def test_a_worker_that_slept_through_its_own_purge_takes_back_what_it_wrote__W1_4_W1_8(
    sky: Sky, media_folder: Path
):
    asset = photo()
    doze = asleep_before(sky, "put_file")
    zombie = work_at(asset)

    def delete_it_all() -> None:
        discard(asset.pk)
        grace_passes()
        assert purge(asset.pk).dropped

    doze.during(delete_it_all)
    assert zombie.answer() is None
    assert not Asset.objects.exists()
    drain_jobs()
    assert files_in(media_folder) == set()


def test_a_late_failure_does_not_fail_what_was_requeued_since(sky: Sky, media_folder: Path):
    asset = photo()
    doze = asleep_before(sky, "download")
    zombie = work_at(asset)

    def give_up_and_ask_again() -> None:
        # Its tries are spent by the count of the claims, so whoever comes next gives it up.
        Variant.objects.filter(asset=asset).update(max_attempts=1)
        come_next(asset)
        assert set(variant_states(asset).values()) == {"failed"}
        requeue_variants(asset.pk)
        original = fresh(asset).original
        assert original is not None
        path = media_folder / original.key
        rotten, good = b"rotten", path.read_bytes()
        path.unlink()
        path.write_bytes(rotten)
        restore.append(partial(path.write_bytes, good))

    restore: list[Callable[[], Any]] = []
    doze.during(give_up_and_ask_again)
    assert zombie.answer() is None
    assert variant_states(asset) == dict.fromkeys(NAMES, "queued")
    restore[0]()
    sky.clear_up()
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"


def test_a_publication_that_comes_after_a_requeue_changes_nothing(sky: Sky, media_folder: Path):
    asset = photo()
    doze = asleep_before(sky, "put_file")
    zombie = work_at(asset)

    def give_up_and_ask_again() -> None:
        Variant.objects.filter(asset=asset).update(max_attempts=1)
        come_next(asset)
        requeue_variants(asset.pk)

    doze.during(give_up_and_ask_again)
    assert zombie.answer() is None
    assert variant_states(asset) == dict.fromkeys(NAMES, "queued")
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"
    clean(media_folder)


def test_a_writer_that_takes_its_time_is_not_taken_for_dead__W1_4(
    sky: Sky, media_folder: Path, settings: Settings
):
    settings.RINDLE = {**settings.RINDLE, "LEASE": 3, "RECONCILE_GRACE": 0}
    asset = photo()
    doze = asleep_before(sky, "put_file")
    worker = work_at(asset)
    assert doze.asleep.wait(PATIENCE)
    promised = settling()
    wait_for("a renewal", lambda: settling() > promised)
    with doze.while_asleep():
        wait_for("the first promise's end", lambda: past(promised))
        report = reconcile()
        assert (report.abandoned, report.variants) == (0, 0)
    assert worker.answer() is None
    assert fresh(asset).state == "ready"
    clean(media_folder)


def settling() -> datetime:
    times = StoredObject.objects.filter(state="expected").values_list("settles_at", flat=True)
    return min(each for each in times if each is not None)


def past(moment: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now() > %s", [moment])
        return bool(cursor.fetchone()[0])


# --- processing x purge, quarantine ------------------------------------------------------------


@pytest.mark.parametrize("point", ["download", "put_file"])
def test_what_is_made_of_an_asset_purged_meanwhile_is_removed__W1_4(
    sky: Sky, media_folder: Path, point: str
):
    asset = photo()
    doze = asleep_before(sky, point)
    worker = work_at(asset)
    doze.during(lambda: (discard(asset.pk), purge(asset.pk)))
    assert worker.answer() is None
    drain_jobs()
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()
    assert set(StoredObject.objects.values_list("state", flat=True)) == {"gone"}


def test_a_purge_waits_for_the_writer_it_cannot_see__W1_4(sky: Sky, media_folder: Path):
    asset = photo()
    doze = asleep_before(sky, "put_file")
    worker = work_at(asset)

    def purge_now() -> bool:
        discard(asset.pk)
        return purge(asset.pk).dropped

    assert doze.during(purge_now) is False
    worker.answer()
    assert Asset.objects.get().state == "deleted"
    drain_jobs()
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


def quarantine(asset: Asset) -> None:
    with locked(asset.pk) as current:
        assert move(current, "quarantined", reason_code="reported", reason="By a moderator.")


@pytest.mark.parametrize("point", ["download", "put_file"])
def test_a_quarantine_during_processing_stays__D1_W1_10(sky: Sky, media_folder: Path, point: str):
    asset = photo()
    doze = asleep_before(sky, point)
    worker = work_at(asset)
    doze.during(lambda: quarantine(asset))
    assert worker.answer() is None
    drain_jobs(early=True)
    assert fresh(asset).state == "quarantined"
    assert "ready" not in variant_states(asset).values()
    assert edges(asset)[-1].endswith(">quarantined")
    assert {key.split("/")[0] for key in files_in(media_folder)} == {"originals"}
    clean(media_folder)


def test_a_quarantine_during_promotion_stays__D1(sky: Sky, media_folder: Path):
    asset = arrive(picture())
    doze = asleep_before(sky, "download")
    worker = Somebody(lambda: promote(str(asset.pk)))
    doze.during(lambda: quarantine(asset))
    assert worker.answer() is None
    assert fresh(asset).state == "quarantined"
    assert not asset.variants.exists()
    drain_jobs()
    assert {key.split("/")[0] for key in files_in(media_folder)} == {"incoming"}


def test_an_asset_dropped_during_promotion_leaves_nothing_and_no_error(
    sky: Sky, media_folder: Path
):
    asset = arrive(picture())
    doze = asleep_before(sky, "copy")
    worker = Somebody(lambda: promote(str(asset.pk)))

    def delete_it_all() -> None:
        discard(asset.pk)
        grace_passes()
        purge(asset.pk)

    doze.during(delete_it_all)
    assert worker.answer() is None
    drain_jobs(early=True)
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


# --- the aggregate -----------------------------------------------------------------------------


def test_an_asset_is_ready_when_its_last_variants_finish_together__D2_W1_9(
    sky: Sky, media_folder: Path
):
    for _ in range(3):
        asset = photo()
        Variant.objects.filter(asset=asset).update(attempts=1)  # each by a worker of its own
        at_once(*(partial(process_variant, str(asset.pk), name) for name in NAMES))
        assert fresh(asset).state == "ready"
        assert edges(asset)[-1] == "processing>ready"
    clean(media_folder)


def test_who_settles_an_asset_waits_for_the_other_and_sees_what_it_did__D2_W1_9(sky: Sky):
    asset = photo()
    Variant.objects.filter(asset=asset).update(attempts=1)
    process_variant(str(asset.pk), "medium")
    process_variant(str(asset.pk), "large")
    doze = asleep_before(sky, "put_file")
    last = work_at(asset)
    assert doze.asleep.wait(PATIENCE)
    with holding(asset.pk):
        doze.woken.set()
        wait_until_blocked()
        assert fresh(asset).state == "processing"
    last.answer()
    assert fresh(asset).state == "ready"


def test_an_asset_that_lost_a_variant_is_ready_again_when_it_is_made__D8(sky: Sky):
    asset = photo()
    sky.break_down("put_file")
    drain_jobs(early=True, queues=["rindle_process"])
    assert fresh(asset).state == "degraded"
    sky.clear_up()
    requeue_variants(asset.pk)
    assert fresh(asset).state == "processing"
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"


# --- requeue, cancel, recipes ------------------------------------------------------------------


def test_two_operators_who_requeue_at_once_queue_all_variants_once__W1_13(sky: Sky):
    asset = photo()
    sky.break_down("put_file")
    drain_jobs(early=True, queues=["rindle_process"])
    forget_jobs()
    answers = at_once(*[lambda: requeue_variants(asset.pk)] * 2)
    assert sorted(map(len, answers)) == [0, 3]
    assert len(queued_jobs("rindle:process_variant")) == 1


def test_a_requeue_while_another_is_at_work_on_the_asset_waits_for_it(sky: Sky):
    asset = photo()
    sky.break_down("put_file")
    drain_jobs(early=True, queues=["rindle_process"])
    with transaction.atomic():
        assert len(requeue_variants(asset.pk, ["thumb"])) == 1
        somebody = Somebody(lambda: requeue_variants(asset.pk))
        wait_until_blocked()
    assert somebody.answer() == ["large", "medium"]


def test_quarantine_leaves_no_variant_behind_without_a_job__W1_7_U18(sky: Sky):
    asset = photo()
    quarantine(asset)
    drain_jobs(early=True)
    assert set(variant_states(asset).values()) == {"cancelled"}
    assert queued_jobs() == []


def test_a_cancelled_variant_is_not_lost_to_a_late_publication__W1_7(sky: Sky, media_folder: Path):
    asset = photo()
    doze = asleep_before(sky, "put_file")
    worker = work_at(asset)

    def cancel() -> None:
        with locked(asset.pk):
            for variant in asset.variants.select_related("asset"):
                assert move(variant, "cancelled", lease_until=None, wake_at=None)

    doze.during(cancel)
    worker.answer()
    assert set(variant_states(asset).values()) == {"cancelled"}
    drain_jobs()
    assert requeue_variants(asset.pk) == ["large", "medium", "thumb"]
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"
    clean(media_folder)


def test_new_bytes_never_come_under_an_old_digest__W1_11(
    sky: Sky, media_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    from tests.app.media import Photo

    asset = photo()
    old = Photo.recipe("thumb").digest()
    changed = {**Photo.variants, "thumb": Photo.variants["medium"]}
    monkeypatch.setattr(Photo, "variants", changed)
    process_variant(str(asset.pk), "thumb")
    thumb = asset.variants.get(name="thumb")
    assert thumb.recipe_digest == thumb.published_digest == Photo.recipe("thumb").digest() != old
    assert (thumb.content_type, thumb.width) == ("image/webp", 640)
    clean(media_folder)


def test_a_remade_variant_replaces_its_object_and_dooms_the_former__W1_8(
    sky: Sky, media_folder: Path
):
    asset = photo()
    drain_jobs()
    thumb = asset.variants.get(name="thumb")
    assert thumb.object is not None
    former = thumb.object.key
    with locked(asset.pk):
        assert move(Variant.objects.select_related("asset").get(pk=thumb.pk), "stale")
    assert requeue_variants(asset.pk) == ["thumb"]
    assert former in files_in(media_folder)  # served until the new one is there
    drain_jobs()
    assert former not in files_in(media_folder)
    assert former in ledger_keys("gone")
    assert len(files_in(media_folder)) == 4
    clean(media_folder)


def test_a_running_variant_can_be_asked_for_again_when_it_failed__W1_13(sky: Sky):
    asset = photo()
    process_variant(str(asset.pk), "thumb")
    thumb = asset.variants.select_related("asset").get(name="thumb")
    with locked(asset.pk):
        assert move(thumb, "missing")
    assert requeue_variants(asset.pk) == ["thumb"]
    assert len(queued_jobs("rindle:process_variant")) >= 1
    drain_jobs()
    assert fresh(asset).state == "ready"
