"""A change of recipes carried out: nothing broken on the way, nothing left behind."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import Settings

from rindle_django import (
    Delivery,
    ImageRecipe,
    Profile,
    cancel_processing,
    discard,
    variant_url,
)
from rindle_django.models import Asset, StoredObject, Transition, Variant
from rindle_django.operations.recipes import (
    batches,
    plan_recipes,
    regenerate_variants,
)
from rindle_django.operations.reconcile import reconcile
from rindle_django.progress import followed_by
from rindle_django.testing import drain_jobs, recorded_events
from tests.commands.running import all_that_is_shown, json_of, on_a_terminal, run
from tests.crowd import at_once
from tests.jobs.worker import PATIENCE
from tests.kit import (
    arrive,
    edges,
    files_in,
    fresh,
    ledger_keys,
    picture,
    queued_jobs,
    ready,
    refused,
    settle,
    variant_states,
)
from tests.purge.test_cleanup import snapshot
from tests.recipes.conftest import redeclare
from tests.verify_storage.scene import lost, verify

pytestmark = pytest.mark.django_db(transaction=True)
SMALLER = {
    "thumb": ImageRecipe(width=20, format="webp"),
    "wide": ImageRecipe(width=30, format="png"),
}


def gallery(count: int = 3) -> list[Asset]:
    return [ready(profile="poster") for _ in range(count)]


def regenerate(**options: Any) -> Any:
    return regenerate_variants(profile="poster", dry_run=False, **options)


def widths() -> set[int | None]:
    return set(Variant.objects.values_list("width", flat=True))


def statuses(client: Any, addresses: list[str]) -> set[int]:
    return {got(client, each).status_code for each in addresses}


def got(client: Any, address: str) -> Any:
    """A response that was read to its end."""
    response = client.get(address)
    assert b"".join(response) or response.status_code != 200
    return response


# --- stale -------------------------------------------------------------------------------------


def test_a_changed_recipe_makes_new_outputs_of_old_assets__O3_D4_W1_11_C2_22(
    poster: type[Profile], media_folder: Path
):
    gallery()
    before = files_in(media_folder)
    redeclare(poster, **SMALLER)

    report = regenerate()

    assert (report.found, report.marked_stale, report.queued) == (6, 6, 6)
    drain_jobs()
    assert widths() == {20, 30}
    assert not plan_recipes(profile="poster").changed
    after = files_in(media_folder)
    assert len(after) == len(before) == 9
    assert len(after & before) == 3  # the originals
    assert after == ledger_keys("present")


def test_a_preview_changes_nothing__C1_3(poster: type[Profile]):
    gallery(1)
    redeclare(poster, thumb=ImageRecipe(width=41))
    before = snapshot(), list(Variant.objects.values()), queued_jobs()
    report = regenerate_variants(profile="poster", purge_superfluous=True)
    assert (report.dry_run, report.found, report.superfluous) == (True, 1, 1)
    assert (snapshot(), list(Variant.objects.values()), queued_jobs()) == before


def test_every_step_is_history_and_told_of(poster: type[Profile]):
    asset = ready(profile="poster")
    redeclare(poster, thumb=SMALLER["thumb"], wide=poster.variants["wide"])
    with recorded_events() as events:
        assert run("rindle_regenerate_variants", "--profile=poster", "--no-dry-run").code == 0
    told = [m for name, _, m in events.emitted if name == "rindle.variant.state_change"]
    assert [(m["from"], m["to"]) for m in told] == [("ready", "stale"), ("stale", "queued")]
    assert [m["profile"] for m in told] == ["poster", "poster"]
    assert edges(asset)[-1] == "ready>processing"
    causes = {t.cause.get("command") for t in Transition.objects.filter(to_state="stale")}
    assert causes == {"rindle_regenerate_variants"}


def test_unchanged_variants_are_left_alone__C2_27(poster: type[Profile]):
    asset = ready(profile="poster")
    redeclare(poster, thumb=SMALLER["thumb"], wide=poster.variants["wide"])
    regenerate()
    assert variant_states(asset) == {"thumb": "queued", "wide": "ready"}


def test_a_second_run_finds_nothing_to_do(poster: type[Profile]):
    gallery(2)
    redeclare(poster, **SMALLER)
    regenerate()
    again = regenerate()
    assert (again.found, again.queued, again.waiting) == (0, 0, 4)
    assert len(queued_jobs("rindle:process_variant")) == 4


def test_a_recipe_that_changes_once_more_while_its_jobs_wait_is_made_as_of_then(
    poster: type[Profile],
):
    ready(profile="poster")
    redeclare(poster, **SMALLER)
    regenerate()
    redeclare(poster, **{name: ImageRecipe(width=10) for name in SMALLER})
    drain_jobs()
    assert widths() == {10}
    assert not plan_recipes(profile="poster").changed


# --- what is served meanwhile ------------------------------------------------------------------


def test_old_outputs_are_served_until_the_new_ones_are_ready(
    poster: type[Profile], client: Any, settings: Settings
):
    settings.RINDLE = {**settings.RINDLE, "SUPERSEDED_GRACE": None}
    asset = ready(profile="poster")
    served = [str(variant_url(asset, name)) for name in SMALLER]

    def look() -> None:
        now = [str(variant_url(fresh(asset), name)) for name in SMALLER]
        assert statuses(client, served + now) == {200}
        assert got(client, now[0]).headers["Content-Type"] == "image/webp"

    redeclare(poster, **SMALLER)
    look()
    regenerate()
    assert [str(variant_url(fresh(asset), name)) for name in SMALLER] == served
    look()
    drain_jobs()
    assert widths() == {20, 30}
    assert not {str(variant_url(fresh(asset), name)) for name in SMALLER} & set(served)
    look()


def test_what_is_superseded_is_purged_after_the_longest_life_of_a_url(
    poster: type[Profile], client: Any, settings: Settings, media_folder: Path
):
    settings.RINDLE = {**settings.RINDLE, "SUPERSEDED_GRACE": None}
    poster.delivery = Delivery(ttl=600)
    asset = ready(profile="poster")
    served = [str(variant_url(asset, name)) for name in SMALLER]
    redeclare(poster, **SMALLER)
    regenerate()
    drain_jobs()
    doomed = StoredObject.objects.filter(state="doomed")
    assert doomed.count() == 2
    kept_for = timedelta(seconds=900)  # a URL lives for its ttl and half of that at most
    at = Now() + kept_for
    assert doomed.filter(settles_at__gt=at - timedelta(seconds=60), settles_at__lte=at).count() == 2
    assert reconcile().objects == 0
    settle(asset.pk)
    assert statuses(client, served) == {404}
    reconcile()
    drain_jobs()
    assert files_in(media_folder) == ledger_keys("present")
    assert ledger_keys("doomed") == set()


def test_public_outputs_are_kept_for_a_day(poster: type[Profile], settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "SUPERSEDED_GRACE": None}
    poster.delivery = Delivery(public=True)
    ready(profile="poster")
    redeclare(poster, **SMALLER)
    regenerate()
    drain_jobs()
    late = StoredObject.objects.filter(state="doomed", settles_at__gt=Now() + timedelta(hours=23))
    assert late.count() == 2


def test_deleting_the_asset_ends_the_grace_at_once(
    poster: type[Profile], settings: Settings, media_folder: Path, client: Any
):
    settings.RINDLE = {**settings.RINDLE, "SUPERSEDED_GRACE": 86_400}
    asset = ready(profile="poster")
    served = [str(variant_url(asset, "thumb"))]
    redeclare(poster, **SMALLER)
    regenerate()
    drain_jobs()
    assert statuses(client, served) == {200}
    discard(asset.pk)
    assert statuses(client, served) == {404}
    drain_jobs()
    assert files_in(media_folder) == set()
    assert not Asset.objects.filter(pk=asset.pk).exists()


def test_where_old_recipes_are_not_to_be_seen_the_original_is_served(poster: type[Profile]):
    poster.delivery = Delivery(serve_stale=False)
    asset = ready(profile="poster")
    old = str(variant_url(asset, "thumb"))
    redeclare(poster, **SMALLER)
    regenerate()
    waiting = str(variant_url(fresh(asset), "thumb"))
    assert waiting != old
    drain_jobs()
    assert str(variant_url(fresh(asset), "thumb")) not in (old, waiting)


# --- in which order ----------------------------------------------------------------------------


def test_fresh_uploads_go_first(poster: type[Profile]):
    old = ready(profile="poster")
    redeclare(poster, **SMALLER)
    regenerate()
    new = arrive(picture(), profile="poster")
    worked = [
        job.arguments["asset_id"] for job in drain_jobs() if job.task == "rindle:process_variant"
    ]
    # What is made anew was queued a recipe at a time.
    assert worked == [str(new.pk), str(old.pk), str(old.pk)]


def test_the_reconciler_does_not_ring_for_what_only_waits_its_turn(poster: type[Profile]):
    ready(profile="poster")
    redeclare(poster, **SMALLER)
    regenerate()
    Variant.objects.update(wake_at=F("wake_at") - timedelta(minutes=30))
    assert reconcile().variants == 0
    Variant.objects.update(wake_at=F("wake_at") - timedelta(minutes=60))
    assert reconcile().variants == 2
    new = arrive(picture(), profile="poster")
    worked = [job.arguments["asset_id"] for job in drain_jobs()]
    first = next(each for each in worked)
    assert first == str(new.pk)


def test_work_of_another_kind_goes_to_its_own_queue__O2_C2_27(poster: type[Profile]):
    ready(profile="poster")
    Variant.objects.filter(name="thumb").update(kind="video")
    redeclare(poster, **SMALLER)
    regenerate()
    [video] = queued_jobs("rindle:process_media_variant")
    [image] = queued_jobs("rindle:process_variant")
    assert (video["variant_name"], image["variant_name"]) == ("thumb", "wide")


# --- which ones --------------------------------------------------------------------------------


@pytest.mark.usefixtures("made_up_rows")
def test_only_says_which(poster: type[Profile]):
    stale, failed, lost = gallery(3)
    Variant.objects.filter(asset=failed).update(state="queued")
    Variant.objects.filter(asset=failed).update(state="failed", reason_code="worker_lost")
    Variant.objects.filter(asset=lost).update(state="missing")
    Asset.objects.filter(pk__in=[failed.pk, lost.pk]).update(state="degraded")
    with refused("request_invalid"):
        regenerate(only="ready")
    assert run("rindle_regenerate_variants", "--only=ready").code != 0
    redeclare(poster, **SMALLER)
    assert json_of("rindle_regenerate_variants", "--profile=poster")["found"] == 6

    assert regenerate(only="failed").queued == 2
    assert variant_states(failed) == {"thumb": "queued", "wide": "queued"}
    assert Variant.objects.filter(asset=failed, reason_code="").count() == 2
    assert regenerate(only="missing").queued == 2
    assert variant_states(stale) == {"thumb": "ready", "wide": "ready"}
    assert regenerate(only="stale").queued == 2


def test_one_variant_of_one_profile(poster: type[Profile]):
    asset = ready(profile="poster")
    redeclare(poster, **SMALLER)
    regenerate(variant="wide")
    assert variant_states(asset) == {"thumb": "ready", "wide": "queued"}
    with refused("unknown_variant"):
        regenerate(variant="thmub")
    with refused("unknown_profile"):
        regenerate_variants(profile="pster")


def test_what_was_cancelled_stays_cancelled(poster: type[Profile]):
    asset = arrive(picture(), profile="poster")
    drain_jobs(queues=["rindle_promote"])
    cancel_processing(asset.pk)
    assert regenerate().queued == 0


def test_nothing_is_made_of_quarantined_assets__C2_27(poster: type[Profile]):
    asset = ready(profile="poster")
    Asset.objects.filter(pk=asset.pk).update(state="quarantined")
    Transition.objects.create(
        subject="asset",
        subject_id=asset.pk,
        asset_id=asset.pk,
        from_state="ready",
        to_state="quarantined",
        profile="poster",
        adapter="filesystem",
        emitted_at=Now(),
    )
    redeclare(poster, **SMALLER)
    assert regenerate().found == 0
    assert queued_jobs("rindle:process_variant") == []


# --- new and superfluous -----------------------------------------------------------------------


def test_a_new_variant_is_made_of_old_assets__O3_D4(poster: type[Profile]):
    gallery(2)
    redeclare(poster, **poster.variants, square=ImageRecipe(mode="fill", width=20, height=20))
    report = regenerate()
    assert (report.planned, report.queued, report.marked_stale) == (2, 2, 0)
    drain_jobs()
    made = Variant.objects.filter(name="square")
    assert {(each.state, each.width) for each in made} == {("ready", 20)}
    assert set(Asset.objects.values_list("state", flat=True)) == {"ready"}
    assert regenerate().planned == 0


@pytest.mark.usefixtures("made_up_rows")
def test_what_is_superfluous_is_never_queued__C2_27(poster: type[Profile]):
    asset = ready(profile="poster")
    Variant.objects.filter(name="wide").update(state="missing")
    Asset.objects.update(state="degraded")
    redeclare(poster, thumb=poster.variants["thumb"])
    report = regenerate()
    assert (report.queued, report.superfluous, report.purged) == (0, 1, 0)
    assert variant_states(asset)["wide"] == "missing"


def test_superfluous_outputs_are_purged_when_that_is_asked_for(
    poster: type[Profile], media_folder: Path
):
    asset = ready(profile="poster")
    wide = poster.variants["wide"]
    redeclare(poster, thumb=poster.variants["thumb"])
    report = regenerate(purge_superfluous=True)
    assert (report.superfluous, report.purged, report.queued) == (1, 1, 0)
    drain_jobs()
    assert variant_states(asset) == {"thumb": "ready"}
    assert files_in(media_folder) == ledger_keys("present")
    assert len(ledger_keys("present")) == 2
    assert fresh(asset).state == "ready"
    assert "ready>purged" in edges(asset, "variant")

    redeclare(poster, thumb=poster.variants["thumb"], wide=wide)  # and once more declared
    assert regenerate().planned == 1
    drain_jobs()
    assert variant_states(asset) == {"thumb": "ready", "wide": "ready"}


def test_a_purged_variant_that_is_being_made_leaves_nothing_behind(
    poster: type[Profile], media_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    asset = arrive(picture(), profile="poster")
    drain_jobs(queues=["rindle_promote"])
    from rindle_django.processing import process, storing

    whole = storing.store

    def late(*args: Any) -> Any:
        """The deploy and its command come while the output is on its way."""
        redeclare(poster, thumb=SMALLER["thumb"])
        regenerate(purge_superfluous=True)
        return whole(*args)

    monkeypatch.setattr(process, "store", late)
    drain_jobs()
    monkeypatch.undo()
    regenerate()
    drain_jobs(early=True)
    assert variant_states(asset) == {"thumb": "ready"}
    assert files_in(media_folder) == ledger_keys("present")


# --- limits, interruptions, company ------------------------------------------------------------


def test_a_limit_makes_a_first_few(poster: type[Profile]):
    gallery(3)
    redeclare(poster, **SMALLER)
    first = regenerate(limit=2)
    assert (first.marked_stale, first.queued) == (2, 2)
    drain_jobs()
    assert Variant.objects.filter(width__in=(20, 30)).count() == 2
    assert regenerate(limit=3).queued == 3
    assert regenerate().queued == 1
    with refused("request_invalid"):
        regenerate(limit=0)


def test_an_interrupted_run_is_gone_on_with__O1_C2_10_W1_21(
    poster: type[Profile], monkeypatch: pytest.MonkeyPatch
):
    gallery(3)
    redeclare(poster, **SMALLER)
    monkeypatch.setattr(batches.newest_first, "__kwdefaults__", {"size": 2})
    heard: list[int] = []

    def interrupt(done: int, of: int | None) -> None:
        heard.append(done)
        if sum(heard) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), followed_by(interrupt):
        regenerate()
    assert Variant.objects.filter(state="queued").count() == 2
    again = regenerate()
    assert (again.queued, again.waiting) == (4, 2)
    assert len(queued_jobs("rindle:process_variant")) == 6


def test_two_at_once_queue_each_variant_once(poster: type[Profile]):
    gallery(4)
    redeclare(poster, **poster.variants, square=ImageRecipe(width=10))
    redeclare(poster, **SMALLER, square=ImageRecipe(width=10))
    reports = at_once(regenerate, regenerate)
    assert sum(report.queued for report in reports) == 12
    assert len(queued_jobs("rindle:process_variant")) == 12
    drain_jobs()
    assert not plan_recipes(profile="poster").changed


def test_it_goes_on_beside_workers(poster: type[Profile]):
    """Workers claim the variants of an asset in the order of their names, this in that of keys."""
    gallery(6)
    for width in (20, 25, 30):
        redeclare(poster, **{name: ImageRecipe(width=width) for name in SMALLER})
        answers = at_once(regenerate, drain_jobs, drain_jobs)
        assert not [each for each in answers if isinstance(each, Exception)]
        drain_jobs()
    regenerate()
    drain_jobs()
    assert widths() == {30}


def test_it_works_in_a_projects_own_process__C1_2_O2_W1_12():
    asset = ready()
    Variant.objects.filter(name="thumb").update(published_digest="of another recipe")
    options = "rindle_regenerate_variants", "--no-dry-run", "--profile=photo", "--format=json"
    with on_a_terminal(*options) as (process, terminal):
        assert process.wait(PATIENCE) == 0, all_that_is_shown(terminal)
        assert process.stdout is not None
        said = json.loads(process.stdout.read())
    assert (said["marked_stale"], said["queued"]) == (1, 1)
    assert variant_states(asset)["thumb"] == "queued"
    drain_jobs()
    assert not plan_recipes(profile="photo").changed


def test_what_was_made_anew_is_not_marked_for_its_former_objects_loss__C2_28(
    poster: type[Profile],
):
    asset = ready(profile="poster")
    lost(Variant.objects.get(asset=asset, name="thumb").object)
    assert verify(dry_run=False).missing_found == 1
    redeclare(poster, **SMALLER)
    regenerate()
    drain_jobs()
    assert verify(dry_run=False).variants_marked == 0
    assert variant_states(asset) == {"thumb": "ready", "wide": "ready"}
