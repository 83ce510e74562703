"""What its variants make of an asset, also when they change at the same time."""

from __future__ import annotations

from functools import partial

import pytest
from pytest_django import Settings

from rindle_django import ImageRecipe, requeue_variants, variant_url
from rindle_django.lifecycle import locked, transition
from rindle_django.models import Asset, StoredObject, Variant
from rindle_django.processing.aggregate import settle_asset
from rindle_django.profiles import get_profile
from rindle_django.testing import drain_jobs
from tests.crowd import Somebody, at_once, holding, wait_until_blocked
from tests.kit import declared, edges, fresh, ready, settle
from tests.rows import asset_in, newborn, variant_in

pytestmark = pytest.mark.django_db(transaction=True)


def settled(start: str, *variants: str) -> str:
    """The state an asset in ``start`` gets from variants in these states."""
    asset = asset_in(start)
    for number, state in enumerate(variants):
        variant_in(state, asset=asset, name=f"v{number}")
    with locked(asset.pk) as current:
        settle_asset(current)
    return fresh(asset).state


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("variants", "state"),
    [
        ([], "ready"),
        (["ready", "ready"], "ready"),
        (["planned"], "processing"),
        (["queued", "ready"], "processing"),
        (["processing", "failed"], "processing"),
        (["ready", "failed"], "degraded"),
        (["cancelled"], "degraded"),
        (["missing", "ready"], "degraded"),
        (["stale", "ready"], "ready"),
        (["purged"], "ready"),
    ],
)
@pytest.mark.parametrize("start", ["available", "processing", "ready", "degraded"])
def test_every_mixture_has_its_meaning__D3(start: str, variants: list[str], state: str):
    if start == "available" and state == "degraded":
        # An asset is available for as long as one transaction; nothing can have failed in it.
        start = "processing"
    assert settled(start, *variants) == state


@pytest.mark.django_db
@pytest.mark.parametrize("start", ["staged", "validating", "analyzing", "quarantined", "deleted"])
def test_an_asset_that_is_not_verified_or_has_ended_is_left_alone__D1(start: str):
    assert settled(start, "ready", "ready") == start


def finish(variant: Variant) -> None:
    """What a worker does at its end: its own variant, then the asset, under the asset's lock."""
    with locked(variant.asset_id) as asset:
        output = newborn("object", asset=asset)
        assert transition(variant, "ready", object=output)
        settle_asset(asset)


def test_variants_that_finish_at_once_leave_no_asset_behind__D2_W1_9():
    for _ in range(3):
        asset = asset_in("processing")
        variants = [variant_in("processing", asset=asset, name=f"v{n}") for n in range(6)]
        assert at_once(*[partial(finish, each) for each in variants]) == [None] * 6
        assert fresh(asset).state == "ready"
        assert edges(asset) == ["processing>ready"]


def test_the_last_to_finish_waits_for_the_one_before_and_sees_its_result__D2_W1_9():
    asset = asset_in("processing")
    first, second = (variant_in("processing", asset=asset, name=name) for name in "ab")
    with holding(asset.pk):
        people = [Somebody(partial(finish, each)) for each in (first, second)]
        wait_until_blocked(2)
        assert fresh(asset).state == "processing"
    assert [somebody.answer() for somebody in people] == [None, None]
    assert fresh(asset).state == "ready"


def test_quarantine_and_a_finishing_variant_at_once_end_in_quarantine__D1_W1_10():
    for _ in range(5):
        asset = asset_in("processing")
        variant = variant_in("processing", asset=asset)
        at_once(
            partial(finish, variant),
            partial(transition, Asset.objects.get(pk=asset.pk), "quarantined"),
        )
        assert fresh(asset).state == "quarantined"


def test_a_changed_recipe_gets_a_new_key_and_the_old_output_goes__D4(settings: Settings):
    with declared("changing", variants={"thumb": ImageRecipe(width=20)}) as profile:
        asset = ready(profile="changing")
        before = asset.variants.select_related("object").get()
        profile.variants = {"thumb": ImageRecipe(width=30)}
        assert transition(before, "stale")
        assert requeue_variants(asset.pk) == ["thumb"]
        drain_jobs()
        after = asset.variants.select_related("object").get()
        assert after.recipe_digest == after.published_digest == profile.recipe("thumb").digest()
        assert before.object is not None
        assert after.object is not None
        assert (after.width, before.width) == (30, 20)
        assert after.object.key != before.object.key
        settle(asset.pk)
        drain_jobs(early=True)
        assert StoredObject.objects.get(pk=before.object.pk).state == "gone"


def test_the_old_output_is_served_until_the_new_one_is_there__D4():
    asset = ready()
    before = asset.variants.get(name="thumb")
    old_link = variant_url(asset, "thumb")
    transition(before, "stale")
    requeue_variants(asset.pk, ["thumb"])
    assert variant_url(fresh(asset), "thumb") == old_link
    drain_jobs()
    assert variant_url(fresh(asset), "thumb") != old_link


def test_the_life_of_a_link_is_read_when_it_is_issued__P8(settings: Settings):
    assert get_profile("photo").delivery.effective_ttl == 900
    settings.RINDLE = {**settings.RINDLE, "SIGNED_URL_TTL": 5}
    assert get_profile("photo").delivery.effective_ttl == 5
