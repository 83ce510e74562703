"""A worker in the midst of its work, and what others decide meanwhile."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now

from rindle_django import (
    attach,
    attached,
    cancel_processing,
    claims,
    discard,
    requeue_variants,
)
from rindle_django.lifecycle import locked
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.operations.reconcile import reconcile
from rindle_django.processing import process_variant
from rindle_django.promotion import promote
from rindle_django.purge import purge
from rindle_django.testing import drain_jobs
from tests.app.media import Photo
from tests.app.models import Article
from tests.crowd import PATIENCE, Doze, Somebody, holding, wait_until_blocked
from tests.jobs.queue import grace_passes
from tests.kit import (
    arrive,
    edges,
    files_in,
    fresh,
    ledger_keys,
    picture,
    queued_jobs,
    ready,
    variant_states,
)
from tests.races.rest import come_to_rest
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = ("thumb", "medium", "large")
POINTS = pytest.mark.parametrize("point", ["download", "put_file"])


def promoted() -> Asset:
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    return fresh(asset)


def asleep_before(sky: Sky, operation: str) -> Doze:
    doze = Doze()
    sky.before(operation, doze)
    return doze


def working_at(asset: Asset, name: str = "thumb") -> Somebody:
    return Somebody(lambda: process_variant(str(asset.pk), name))


def due_now(model: Any, **rows: Any) -> None:
    """The reconciler shall look at these rows now, whoever holds them."""
    assert model.objects.filter(**rows).update(wake_at=Now())


def keys_of(asset: Asset, *states: str) -> set[str]:
    rows = StoredObject.objects.filter(asset_id=asset.pk, state__in=states)
    return set(rows.values_list("key", flat=True))


# --- promote x promote -------------------------------------------------------------------------


def test_a_promoter_whose_claim_is_taken_at_the_last_moment_publishes_nothing__W1_8(
    sky: Sky, media_folder: Path
):
    """It stands before the lock, past everything by which it could have noticed."""
    asset = arrive(picture())
    doze = asleep_before(sky, "download")
    first = Somebody(lambda: promote(str(asset.pk)))
    assert doze.asleep.wait(PATIENCE)
    with locked(asset.pk) as current:
        doze.woken.set()
        wait_until_blocked()
        Asset.objects.filter(pk=asset.pk).update(lease_until=Now())
        assert claims.take(current, "analyzing")
    assert first.answer() is None
    assert fresh(asset).state == "analyzing"
    assert not asset.variants.exists()
    grace_passes()
    promote(str(asset.pk))
    assert edges(asset).count("promoting>available") == 1


# --- process x process -------------------------------------------------------------------------


def test_two_who_work_at_once_do_not_share_a_folder__row_42(sky: Sky, media_folder: Path):
    one, other = promoted(), promoted()
    doze = asleep_before(sky, "put_file")
    worker = working_at(one)
    doze.during(lambda: process_variant(str(other.pk), "thumb"))
    assert worker.answer() is None
    assert set(ProcessingRun.objects.values_list("attempt", "outcome")) == {(1, "succeeded")}
    copies = [args[1] for args, _ in sky.arguments_of("download")]
    assert len(copies) == len(set(copies)) == 4  # two promotions, two pieces of work


def test_a_worker_that_was_taken_over_publishes_nothing_while_another_is_at_it__W1_9(
    sky: Sky, media_folder: Path
):
    asset = promoted()
    first_doze = asleep_before(sky, "put_file")
    first = working_at(asset)
    assert first_doze.asleep.wait(PATIENCE)
    grace_passes()
    second_doze = asleep_before(sky, "download")
    second = working_at(asset)
    assert second_doze.asleep.wait(PATIENCE)
    first_doze.woken.set()
    assert first.answer() is None
    assert variant_states(asset)["thumb"] == "processing"
    second_doze.woken.set()
    assert second.answer() is None
    assert variant_states(asset) == dict.fromkeys(NAMES, "ready")
    outcomes = ProcessingRun.objects.filter(variant_name="thumb").order_by("fence")
    assert list(outcomes.values_list("outcome", flat=True)) == ["lost", "succeeded"]


# --- process x replace -------------------------------------------------------------------------


@POINTS
def test_replaced_at_a_point_of_the_work_nothing_is_left__row_24(
    sky: Sky, media_folder: Path, point: str
):
    successor, former = ready(), promoted()
    article = Article.objects.create()
    attach(article, "cover", former)
    doze = asleep_before(sky, point)
    worker = working_at(former)
    doze.during(lambda: (attach(article, "cover", successor), purge(former.pk)))
    assert worker.answer() is None
    drain_jobs()
    assert set(Asset.objects.values_list("pk", flat=True)) == {successor.pk}
    assert files_in(media_folder) == keys_of(successor, "present")
    found = attached(article, "cover")
    assert found is not None
    assert found.asset_id == successor.pk


@pytest.mark.parametrize("first", ["worker", "owner"])
def test_a_replacement_and_a_publication_meet_at_the_lock__row_24(
    sky: Sky, media_folder: Path, first: str
):
    successor, former = ready(), promoted()
    article = Article.objects.create()
    attach(article, "cover", former)
    doze = asleep_before(sky, "put_file")
    worker = working_at(former)
    assert doze.asleep.wait(PATIENCE)
    with holding(former.pk):
        if first == "worker":
            doze.woken.set()
            wait_until_blocked(1)
        owner = Somebody(lambda: attach(article, "cover", successor))
        wait_until_blocked(1 if first == "owner" else 2)
        if first == "owner":
            doze.woken.set()
            wait_until_blocked(2)
    assert owner.answer().asset_id == successor.pk
    assert worker.answer() is None
    drain_jobs(early=True)
    assert set(Asset.objects.values_list("pk", flat=True)) == {successor.pk}
    assert files_in(media_folder) == keys_of(successor, "present")


@POINTS
def test_what_is_replaced_here_and_attached_there_is_made__row_24(
    sky: Sky, media_folder: Path, point: str
):
    former, article, other = promoted(), Article.objects.create(), Article.objects.create()
    attach(article, "cover", former)
    attach(other, "cover", former)
    doze = asleep_before(sky, point)
    worker = working_at(former)
    doze.during(lambda: (attach(article, "cover", ready()), purge(former.pk)))
    assert worker.answer() is None
    assert fresh(former).state == "ready"
    assert variant_states(former) == dict.fromkeys(NAMES, "ready")
    assert files_in(media_folder) == ledger_keys("present")


# --- process x cancel --------------------------------------------------------------------------


@POINTS
def test_cancelled_at_a_point_of_the_work_nothing_is_published__W1_7(
    sky: Sky, media_folder: Path, point: str
):
    asset = promoted()
    doze = asleep_before(sky, point)
    worker = working_at(asset)
    cancelled = doze.during(lambda: cancel_processing(asset.pk))
    assert worker.answer() is None
    assert cancelled == ["large", "medium", "thumb"]
    come_to_rest()
    assert variant_states(asset) == dict.fromkeys(NAMES, "cancelled")
    assert fresh(asset).state == "degraded"
    assert len(files_in(media_folder)) == 1
    requeue_variants(asset.pk)
    drain_jobs()
    assert fresh(asset).state == "ready"


@pytest.mark.parametrize("first", ["worker", "operator"])
def test_a_cancellation_and_a_publication_meet_at_the_lock__W1_7(
    sky: Sky, media_folder: Path, first: str
):
    asset = promoted()
    doze = asleep_before(sky, "put_file")
    worker = working_at(asset)
    assert doze.asleep.wait(PATIENCE)
    with holding(asset.pk):
        if first == "worker":
            doze.woken.set()
            wait_until_blocked(1)
        operator = Somebody(lambda: cancel_processing(asset.pk))
        wait_until_blocked(1 if first == "operator" else 2)
        if first == "operator":
            doze.woken.set()
            wait_until_blocked(2)
    assert worker.answer() is None
    published = set(NAMES) - set(operator.answer())
    # Along with the first, what was rendered close to it.
    assert "thumb" in published if first == "worker" else not published
    states = variant_states(asset)
    assert states == {name: "ready" if name in published else "cancelled" for name in NAMES}


@POINTS
def test_asked_for_again_right_after_a_cancellation_it_is_made_once__W1_7(
    sky: Sky, media_folder: Path, point: str
):
    """The worker that was cancelled wakes to a row that waits for another, or is at work again."""
    asset = promoted()
    doze = asleep_before(sky, point)
    worker = working_at(asset)

    def cancelled_and_made_by_another() -> dict[str, Any]:
        cancel_processing(asset.pk)
        requeue_variants(asset.pk)
        drain_jobs()
        return dict(asset.variants.values_list("name", "object_id"))

    published = doze.during(cancelled_and_made_by_another)
    assert worker.answer() is None
    assert dict(asset.variants.values_list("name", "object_id")) == published
    assert fresh(asset).state == "ready"
    outcomes = ProcessingRun.objects.order_by("variant_name", "fence")
    assert list(outcomes.values_list("outcome", flat=True)) == ["superseded", "succeeded"] * 3


# --- process x recipe change -------------------------------------------------------------------


def change_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deploy: from now on a thumb is what a medium was."""
    changed = {**Photo.variants, "thumb": Photo.variants["medium"]}
    monkeypatch.setattr(Photo, "variants", changed)


def thumb_of(asset: Asset) -> Variant:
    return asset.variants.select_related("object").get(name="thumb")


@POINTS
def test_a_recipe_changed_during_the_work_does_not_claim_its_output__W1_11_row_37(
    sky: Sky, media_folder: Path, monkeypatch: pytest.MonkeyPatch, point: str
):
    asset, old = promoted(), Photo.recipe("thumb")
    doze = asleep_before(sky, point)
    worker = working_at(asset)
    doze.during(partial(change_recipe, monkeypatch))
    assert worker.answer() is None
    thumb = thumb_of(asset)
    assert thumb.published_digest == thumb.recipe_digest == old.digest()
    assert (thumb.content_type, thumb.width, thumb.height) == ("image/jpeg", 200, 200)


@POINTS
def test_a_worker_of_the_old_recipe_does_not_overwrite_the_new_one__W1_11_row_37(
    sky: Sky, media_folder: Path, monkeypatch: pytest.MonkeyPatch, point: str
):
    asset = promoted()
    doze = asleep_before(sky, point)
    worker = working_at(asset)

    def deployed_and_taken_over() -> None:
        change_recipe(monkeypatch)
        grace_passes()
        process_variant(str(asset.pk), "thumb")

    doze.during(deployed_and_taken_over)
    assert worker.answer() is None
    thumb = thumb_of(asset)
    assert thumb.published_digest == thumb.recipe_digest == Photo.recipe("thumb").digest()
    assert (thumb.content_type, thumb.width) == ("image/webp", 640)
    drain_jobs(early=True)
    assert files_in(media_folder) == ledger_keys("present")


@POINTS
def test_an_output_that_is_not_wanted_any_more_is_made_anew__W1_11_row_37(
    sky: Sky, media_folder: Path, monkeypatch: pytest.MonkeyPatch, point: str
):
    """Somebody writes down that another recipe is wanted, while the old one is at work."""
    asset = promoted()
    doze = asleep_before(sky, point)
    worker = working_at(asset)

    def another_is_wanted() -> None:
        change_recipe(monkeypatch)
        rows = Variant.objects.filter(asset=asset, name="thumb")
        rows.update(recipe_digest=Photo.recipe("thumb").digest())

    doze.during(another_is_wanted)
    assert worker.answer() is None
    assert thumb_of(asset).object is None
    grace_passes()
    reconcile()
    drain_jobs(early=True)
    thumb = thumb_of(asset)
    assert thumb.published_digest == Photo.recipe("thumb").digest()
    assert (thumb.content_type, thumb.width) == ("image/webp", 640)
    assert fresh(asset).state == "ready"


# --- regenerate x purge ------------------------------------------------------------------------


def degraded(sky: Sky) -> Asset:
    asset = promoted()
    sky.break_down("put_file")
    drain_jobs(early=True, queues=["rindle_process"])
    sky.clear_up()
    assert fresh(asset).state == "degraded"
    return fresh(asset)


@pytest.mark.parametrize("first", ["operator", "purge"])
def test_asked_for_again_and_purged_there_is_nothing_left(sky: Sky, media_folder: Path, first: str):
    asset = degraded(sky)
    actions = {
        "operator": lambda: requeue_variants(asset.pk),
        "purge": lambda: (discard(asset.pk), purge(asset.pk)),
    }
    second = "purge" if first == "operator" else "operator"
    people = {}
    with holding(asset.pk):
        people[first] = Somebody(actions[first])
        wait_until_blocked(1)
        people[second] = Somebody(actions[second])
        wait_until_blocked(2)
    asked = people["operator"].answer()
    if first == "operator":
        assert asked == ["large", "medium", "thumb"]
    else:
        assert asked.code in ("not_deliverable", "asset_not_found")
    people["purge"].answer()
    come_to_rest()  # the outage's writes are waited for
    assert not Asset.objects.exists()
    assert files_in(media_folder) == ledger_keys("expected", "present", "doomed") == set()


@POINTS
def test_purged_during_the_work_that_was_asked_for_again(sky: Sky, media_folder: Path, point: str):
    asset = degraded(sky)
    requeue_variants(asset.pk)
    doze = asleep_before(sky, point)
    worker = working_at(asset)
    doze.during(lambda: (discard(asset.pk), purge(asset.pk)))
    assert worker.answer() is None
    come_to_rest()
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


# --- reconcile x live work ---------------------------------------------------------------------


@POINTS
def test_rung_for_while_it_is_made_it_is_made_once__row_20(
    sky: Sky, media_folder: Path, point: str
):
    asset = promoted()
    doze = asleep_before(sky, point)
    worker = working_at(asset)

    def rung_for_and_looked_at() -> list[Any]:
        due_now(Variant, asset=asset)
        assert reconcile().variants == 3
        return drain_jobs(queues=["rindle_process"])

    outcomes = doze.during(rung_for_and_looked_at)
    assert worker.answer() is None
    # One of the promotion, and the reconciler's for each that was tried, all in vain.
    assert len(outcomes) == 4
    assert {outcome.error for outcome in outcomes} == {None}
    assert sky.calls["put_file"] == ProcessingRun.objects.count() == 3
    assert set(ProcessingRun.objects.values_list("outcome", flat=True)) == {"succeeded"}
    assert fresh(asset).state == "ready"
    assert not Variant.objects.exclude(wake_at=None).exists()


def test_the_reconciler_at_the_row_of_a_worker_that_publishes(sky: Sky, media_folder: Path):
    asset = promoted()
    doze = asleep_before(sky, "put_file")
    worker = working_at(asset)
    assert doze.asleep.wait(PATIENCE)
    due_now(Variant, asset=asset)
    with transaction.atomic():
        assert reconcile().variants == 3
        doze.woken.set()
        wait_until_blocked()
    assert worker.answer() is None
    assert variant_states(asset) == dict.fromkeys(NAMES, "ready")
    assert not Variant.objects.exclude(wake_at=None).exists()
    drain_jobs()
    assert ProcessingRun.objects.count() == 3


def test_the_reconciler_passes_over_a_row_that_somebody_decides_about(sky: Sky, media_folder: Path):
    asset, other = promoted(), promoted()
    due_now(Variant)
    with transaction.atomic():
        list(Variant.objects.select_for_update().filter(asset=asset))
        assert Somebody(reconcile).answer().variants == 3
    rung = [job["asset_id"] for job in queued_jobs("rindle:process_variant")]
    assert rung.count(str(other.pk)) == 2
    assert rung.count(str(asset.pk)) == 1
    assert reconcile().variants == 3


@pytest.mark.parametrize("point", ["copy", "download"])
def test_rung_for_while_it_is_promoted_it_is_promoted_once__row_20(
    sky: Sky, media_folder: Path, point: str
):
    asset = arrive(picture())
    doze = asleep_before(sky, point)
    worker = Somebody(lambda: promote(str(asset.pk)))

    def rung_for_and_looked_at() -> None:
        due_now(Asset, pk=asset.pk)
        assert reconcile().assets == 1
        outcomes = drain_jobs(queues=["rindle_promote"])
        assert [outcome.error for outcome in outcomes] == [None, None]

    doze.during(rung_for_and_looked_at)
    assert worker.answer() is None
    assert sky.calls["copy"] == 1
    assert edges(asset).count("promoting>available") == 1
    assert fresh(asset).wake_at is None
    drain_jobs()
    assert fresh(asset).state == "ready"
