"""What is dropped of history for its age, and what never is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F
from pytest_django import Settings

from rindle_django import discard
from rindle_django.lifecycle import locked, transition as move
from rindle_django.models import Asset, ProcessingRun, Repair, Transition, Variant
from rindle_django.operations import retention
from rindle_django.operations.cleanup import cleanup_orphans
from rindle_django.operations.explain import explain
from rindle_django.operations.invariants import violations
from rindle_django.operations.repair import requeue
from rindle_django.operations.retention import count_old_history, prune_history
from rindle_django.processing import cancel_processing
from rindle_django.processing.aggregate import settle_asset
from rindle_django.purge import purge
from rindle_django.testing import drain_jobs
from tests.crowd import Somebody, at_once
from tests.kit import arrive, edges, picture, ready

pytestmark = pytest.mark.django_db(transaction=True)


def days_pass(days: float) -> None:
    past = timedelta(days=days)
    Transition.objects.update(at=F("at") - past, emitted_at=F("emitted_at") - past)
    ProcessingRun.objects.update(started_at=F("started_at") - past)
    Repair.objects.update(at=F("at") - past)


def purged() -> Asset:
    asset = ready()
    discard(asset.pk)
    purge(asset.pk)
    drain_jobs(early=True)
    assert not Asset.objects.filter(pk=asset.pk).exists()
    return asset


def sound() -> None:
    assert [each for each in violations() if "history" in each.invariant] == []


def test_what_lives_keeps_the_last_step_before_and_all_since():
    asset = ready()
    days_pass(401)
    made_again(asset)
    assert prune_history() > 0
    assert edges(asset) == ["processing>ready", "ready>processing", "processing>ready"]
    assert Transition.objects.filter(asset_id=asset.pk, subject="session").count() == 1
    sound()


def made_again(asset: Asset) -> None:
    """A variant is asked for again and made."""
    with locked(asset.pk) as current:
        variant = Variant.objects.get(asset=current, name="thumb")
        variant.asset = current
        move(variant, "stale")
        settle_asset(current)
    requeue(asset.pk)
    drain_jobs()


def test_again_and_again_one_step_is_kept_and_it_stays_sound():
    asset = ready()
    for _ in range(3):
        days_pass(401)
        made_again(asset)
        prune_history()
        sound()
        assert edges(asset)[0] == "processing>ready"
        assert len(edges(asset)) == 3
    assert prune_history() == 0


def test_a_purged_assets_history_goes_all_at_once():
    asset = purged()
    days_pass(399)
    assert prune_history() == 0
    assert explain(asset.pk).lines
    days_pass(2)
    prune_history()
    assert not Transition.objects.filter(asset_id=asset.pk).exists()
    assert "5 objects are gone" in explain(asset.pk).headline  # the receipts are kept


def test_a_purged_asset_of_which_something_happened_since_stays_sound():
    asset = ready()
    days_pass(401)
    discard(asset.pk)
    purge(asset.pk)
    prune_history()
    assert edges(asset) == ["processing>ready", "ready>deleted"]
    sound()
    days_pass(401)
    prune_history()
    assert edges(asset) == []
    drain_jobs(early=True)


def test_a_step_that_nobody_was_told_of_is_kept_with_all_before_it():
    asset = ready()
    untold = Transition.objects.filter(asset_id=asset.pk).latest("id")
    days_pass(401)
    Transition.objects.filter(pk=untold.pk).update(emitted_at=None)
    before = Transition.objects.count()
    other = ready()
    days_pass(401)
    Transition.objects.filter(pk=untold.pk).update(emitted_at=None)
    prune_history()
    assert Transition.objects.filter(asset_id=asset.pk).count() == before
    assert edges(other) == ["processing>ready"]
    Transition.objects.filter(pk=untold.pk).update(emitted_at=F("at"))
    prune_history()
    assert edges(asset) == ["processing>ready"]
    sound()


def test_attempts_and_repairs_go_but_not_what_is_under_way():
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    cancel_processing(asset.pk)
    requeue(asset.pk)
    drain_jobs()
    running = ProcessingRun.objects.create(
        asset_id=asset.pk, variant_id=asset.pk, variant_name="x", attempt=1, fence=1
    )
    days_pass(401)
    prune_history()
    assert [run.pk for run in ProcessingRun.objects.all()] == [running.pk]
    assert not Repair.objects.exists()


@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_size_of_batches_changes_nothing(size: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "BATCH", size)
    assets = [ready(), purged(), ready()]
    days_pass(401)
    prune_history()
    assert [edges(asset) for asset in assets] == [["processing>ready"], [], ["processing>ready"]]
    assert prune_history() == 0
    sound()


def test_a_limit_bounds_what_is_looked_at():
    ready()
    days_pass(401)
    total = Transition.objects.count()
    assert prune_history(limit=2) <= 2 + 2 + 2
    assert Transition.objects.count() >= total - 2
    sound()


def test_for_ever(settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "HISTORY_TTL": None}
    ready()
    days_pass(40_000)
    assert (count_old_history(), prune_history()) == (0, 0)


def test_of_two_at_once_one_does_it():
    asset = ready()
    days_pass(401)
    answers = at_once(prune_history, prune_history)
    assert not [each for each in answers if isinstance(each, Exception)]
    assert edges(asset) == ["processing>ready"]
    sound()


def test_while_another_is_at_it_nothing_is_pruned():
    ready()
    days_pass(401)
    ProcessingRun.objects.all().delete()
    with transaction.atomic():
        assert retention._alone()
        assert Somebody(prune_history).answer() == 0
    assert prune_history() > 0


def test_the_cleanup_does_it_and_counts_it():
    asset = ready()
    days_pass(401)
    dry = cleanup_orphans()
    assert (dry.history_found > 0, dry.history_pruned) == (True, 0)
    assert len(edges(asset)) > 1
    assert cleanup_orphans(dry_run=False, storage="default").history_pruned == 0
    wet = cleanup_orphans(dry_run=False)
    assert (wet.history_found, wet.history_pruned > 0) == (dry.history_found, True)
    assert edges(asset) == ["processing>ready"]
    assert cleanup_orphans(dry_run=False).history_found == 0


def test_a_birth_that_is_missing_without_being_dropped_is_still_a_violation():
    asset = ready()
    Transition.objects.filter(asset_id=asset.pk, subject="asset").earliest("id").delete()
    assert [each.invariant for each in violations()] == ["unbroken_history"]


def test_a_hole_behind_what_was_dropped_is_still_a_violation():
    asset = ready()
    days_pass(401)
    made_again(asset)
    prune_history()
    Transition.objects.filter(asset_id=asset.pk, from_state="ready", subject="asset").delete()
    assert [each.invariant for each in violations()] == ["unbroken_history"]
