"""What a change of recipes means, before anything is done about it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rindle_django import ImageRecipe, Profile, cancel_processing
from rindle_django.models import Asset, ProcessingRun, Variant
from rindle_django.operations.recipes import VariantPlan, plan_recipes
from rindle_django.testing import drain_jobs
from tests.commands.running import json_of, run
from tests.kit import arrive, declared, picture, ready, refused
from tests.recipes.conftest import redeclare

pytestmark = pytest.mark.django_db(transaction=True)
THUMB = ImageRecipe(width=40, format="webp")


def row(variant: str, profile: str = "poster") -> VariantPlan:
    [found] = [each for each in plan_recipes(profile=profile).rows if each.variant == variant]
    return found


def test_what_was_made_by_todays_recipes_is_current(poster: type[Profile]):
    ready(profile="poster")
    plan = plan_recipes(profile="poster")
    assert [(each.variant, each.current, each.to_make) for each in plan.rows] == [
        ("thumb", 1, 0),
        ("wide", 1, 0),
    ]
    assert not plan.changed


def test_a_changed_recipe_is_seen_without_anybody_marking_it__O3_D4_W1_11_C2_22(
    poster: type[Profile],
):
    ready(profile="poster")
    redeclare(poster, thumb=ImageRecipe(width=41, format="webp"), wide=poster.variants["wide"])
    assert (row("thumb").current, row("thumb").stale) == (0, 1)
    assert (row("wide").current, row("wide").stale) == (1, 0)
    assert plan_recipes().changed


def test_a_variant_newer_than_its_assets_is_missing__O3_D4(poster: type[Profile]):
    ready(profile="poster")
    redeclare(poster, **poster.variants, square=ImageRecipe(mode="fill", width=20, height=20))
    assert (row("square").missing, row("square").without_row) == (1, 1)


def test_a_variant_that_is_declared_no_more_is_superfluous__C2_27(poster: type[Profile]):
    ready(profile="poster")
    redeclare(poster, thumb=poster.variants["thumb"])
    found = row("wide")
    assert (found.declared, found.superfluous, found.to_make) == (False, 1, 0)


def test_only_verified_assets_count__C2_27(poster: type[Profile]):
    """Of what is quarantined nothing is made, whatever its recipes are."""
    arrive(picture(), profile="poster")
    arrive(b"\xff\xd8 no picture", profile="poster")
    assert row("thumb").missing == 0
    drain_jobs()
    assert (row("thumb").current, row("thumb").missing) == (1, 0)


def test_variants_are_wanted_of_files_of_their_kind_only(poster: type[Profile]):
    asset = ready(profile="poster")
    Asset.objects.filter(pk=asset.pk).update(kind="document")
    assert (row("thumb").superfluous, row("thumb").missing) == (1, 0)


def test_what_waits_failed_or_was_cancelled_is_neither_current_nor_to_be_made(
    poster: type[Profile],
):
    asset = arrive(picture(), profile="poster")
    drain_jobs(queues=["rindle_promote"])
    assert (row("thumb").waiting, row("thumb").to_make) == (1, 0)
    cancel_processing(asset.pk)
    assert (row("thumb").cancelled, row("thumb").to_make) == (1, 0)


# --- costs -------------------------------------------------------------------------------------


def test_runs_know_what_they_cost(poster: type[Profile]):
    ready(profile="poster")
    for made in ProcessingRun.objects.all():
        assert made.profile == "poster"
        assert made.pixels == 640 * 480
        assert made.cpu_seconds is not None
        assert 0 < made.cpu_seconds < 5
        assert made.byte_size == Variant.objects.get(pk=made.variant_id).byte_size


def test_the_forecast_is_the_mean_of_past_runs(poster: type[Profile]):
    for _ in range(3):
        ready(profile="poster")
    runs = ProcessingRun.objects.filter(variant_name="thumb")
    for number, past in enumerate(runs):
        ProcessingRun.objects.filter(pk=past.pk).update(
            cpu_seconds=0.1 * (number + 1), byte_size=100 * (number + 1)
        )
    redeclare(poster, thumb=ImageRecipe(width=41))
    found = row("thumb")
    assert (found.basis, found.runs, found.output_bytes) == ("past runs", 3, 600)
    assert found.cpu_seconds == pytest.approx(0.6)


def test_a_variant_that_was_never_made_is_forecast_by_megapixels(poster: type[Profile]):
    ready(profile="poster")
    ProcessingRun.objects.update(cpu_seconds=0.25)
    Asset.objects.update(width=1280)
    redeclare(poster, **poster.variants, square=ImageRecipe(mode="fill", width=20, height=20))
    found = row("square")
    assert (found.basis, found.output_bytes) == ("megapixels", None)
    assert found.cpu_seconds == pytest.approx(0.5)


def test_without_past_runs_no_figure_is_made_up(poster: type[Profile]):
    ready(profile="poster")
    ProcessingRun.objects.all().delete()
    redeclare(poster, thumb=ImageRecipe(width=41))
    found = row("thumb")
    assert (found.basis, found.cpu_seconds, found.output_bytes) == ("no past runs", None, None)
    assert plan_recipes(profile="poster").cpu_seconds is None
    assert "no past runs" in run("rindle_plan", "--profile=poster").out


# --- asking ------------------------------------------------------------------------------------


def test_unknown_profile_is_refused__C1_1():
    with refused("unknown_profile"):
        plan_recipes(profile="poter")


def test_unknown_variant_is_refused__C1_1(poster: type[Profile]):
    with refused("unknown_variant"):
        plan_recipes(profile="poster", variant="thmub")
    assert run("rindle_plan", "--variant=thmub").code == 2


def test_a_name_that_only_rows_know_may_be_asked_for(poster: type[Profile]):
    ready(profile="poster")
    redeclare(poster, thumb=poster.variants["thumb"])
    [found] = plan_recipes(profile="poster", variant="wide").rows
    assert found.superfluous == 1


def test_as_many_queries_whatever_there_is(poster: type[Profile]):
    ready(profile="poster")
    with CaptureQueriesContext(
        connection,
    ) as few:
        plan_recipes(profile="poster")
    for _ in range(4):
        ready(profile="poster")
    with CaptureQueriesContext(connection) as many:
        plan_recipes(profile="poster")
    assert len(few) == len(many) == 2


def test_a_library_upgrade_alone_makes_nothing_stale(poster: type[Profile]):
    """Only what is written in a recipe, and PIPELINE_VERSION, is in its digest."""
    recipe = poster.variants["thumb"]
    assert all(word not in recipe.canonical() for word in ("vips", "pillow", "libavif"))


# --- the command -------------------------------------------------------------------------------


def test_check_fails_a_build_that_changes_recipes(poster: type[Profile]):
    ready(profile="poster")
    only = "--profile=poster"
    assert run("rindle_plan", only, "--check").code == 0
    redeclare(poster, thumb=ImageRecipe(width=41), wide=poster.variants["wide"])
    assert run("rindle_plan", only).code == 0
    assert run("rindle_plan", only, "--check").code == 1
    assert json_of("rindle_plan", only, "--check")["exit_code"] == 1
    redeclare(poster, thumb=THUMB)
    assert run("rindle_plan", only, "--check").code == 1  # superfluous


def test_the_table_is_for_people_and_names_the_remedies__C1_4(poster: type[Profile]):
    ready(profile="poster")
    redeclare(poster, thumb=ImageRecipe(width=41))
    said = run("rindle_plan", "--profile=poster").out.splitlines()
    assert said[0].split() == [
        *("profile", "variant", "current", "stale", "missing", "superfluous"),
        *("failed", "waiting", "CPU", "output", "by"),
    ]
    assert said[1].split()[:4] == ["poster", "thumb", "0", "1"]
    assert "1 past runs" in said[1]
    assert any("rindle_regenerate_variants --no-dry-run" in line for line in said)
    assert any("--purge-superfluous" in line for line in said)


def test_json_has_all_of_it(poster: type[Profile]):
    ready(profile="poster")
    redeclare(poster, thumb=ImageRecipe(width=41))
    found = json_of("rindle_plan", "--profile=poster")
    assert (found["changed"], found["stale"], found["superfluous"]) == (True, 1, 1)
    assert found["variants"][0]["variant"] == "thumb"
    assert found["variants"][0]["basis"] == "past runs"


def test_profiles_are_planned_apart():
    recipes = {"thumb": THUMB}
    with declared("first", variants=recipes), declared("second", variants=recipes) as second:
        ready(profile="first")
        ready(profile="second")
        redeclare(second, thumb=ImageRecipe(width=9))
        assert (row("thumb", "first").stale, row("thumb", "second").stale) == (0, 1)
