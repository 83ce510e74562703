"""What the doctor says of code and rows that no longer agree, and of the decoder."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Mapping

import pytest
from pytest_django import Settings

from rindle_django import ImageRecipe, Recipe
from rindle_django.media import sandbox
from rindle_django.media.inspection import DecoderState, inspect_decoder
from rindle_django.media.limits import Limits
from rindle_django.models import Variant
from rindle_django.operations.doctor import diagnose, drift, images
from tests.app.media import Photo
from tests.doctor.signs import said_by, told
from tests.kit import declared, picture, ready
from tests.rows import asset_in
from tests.stock import stock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recipe]:
    """Those of the profile ``photo``, to be changed as a deployment would change them."""
    changed = dict(Photo.variants)
    monkeypatch.setattr(Photo, "variants", changed)
    return changed


# --- drift -------------------------------------------------------------------------------------


def test_rows_of_a_profile_that_is_gone_are_counted():
    with declared("late"):
        for _ in range(2):
            asset_in("ready", profile="late")
        asset_in("ready")
        assert said_by("profiles.unknown") == []
    diagnosis = told("profiles.unknown")
    assert diagnosis.status == "error"
    assert "2 assets of profile 'late'" in diagnosis.finding


def test_a_recipe_that_has_changed_is_named_with_how_many_outputs_are_of_the_old__O3(
    recipes: dict[str, Recipe],
):
    ready()
    ready()
    assert said_by("profiles.recipes") == []
    recipes["thumb"] = ImageRecipe(mode="fill", width=201, height=200)
    diagnosis = told("profiles.recipes")
    assert diagnosis.status == "warn"
    assert "2 outputs of variant 'thumb'" in diagnosis.finding
    assert "rindle_regenerate_variants --variant thumb" in diagnosis.fix


def test_a_recipe_of_another_profile_under_the_same_name_is_no_drift():
    ready()
    ready(profile="open")
    assert said_by("profiles.recipes") == []


def test_a_variant_that_was_added_is_missing_on_old_assets(recipes: dict[str, Recipe]):
    ready()
    assert said_by("profiles.missing") == []
    recipes["poster"] = ImageRecipe(width=300)
    ready()
    diagnosis = told("profiles.missing")
    assert "1 of 2 assets of profile 'photo'" in diagnosis.finding
    assert "no row of variant 'poster'" in diagnosis.finding


def test_what_a_variant_does_not_apply_to_does_not_miss_it():
    ready(picture(form="PNG"), profile="plain")
    asset_in("ready", kind="document")
    assert said_by("profiles.missing") == []


def test_a_variant_that_was_removed_is_said(recipes: dict[str, Recipe]):
    ready()
    assert said_by("profiles.undeclared") == []
    del recipes["large"]
    assert "1 row of variant 'large'" in told("profiles.undeclared").finding
    assert said_by("profiles.recipes") == []


def test_what_was_never_made_was_made_by_no_old_recipe(recipes: dict[str, Recipe]):
    stock(3)
    Variant.objects.update(published_digest="")
    assert said_by("profiles.recipes") == []


def test_counting_stops_in_time__C2_11(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(drift, "ENOUGH", 2)
    stock(5, names=["thumb"])
    assert "3 outputs of variant 'thumb'" in told("profiles.recipes").finding


def test_two_steps_of_an_index_find_every_recipe_however_many_rows():
    stock(4)
    Variant.objects.filter(name="thumb").update(published_digest="e")
    names = [each.finding.split("'")[1] for each in said_by("profiles.recipes")]
    assert names == ["large", "medium", "thumb"]


# --- the decoder -------------------------------------------------------------------------------


def test_the_decoder_tells_its_libraries_and_its_confinement():
    state = inspect_decoder(Limits())
    assert list(state.versions) == ["vips", "pillow"]
    assert all(version[0].isdigit() for version in state.versions.values())
    assert state.limits == {"AS": 1536 << 20, "CORE": 0, "FSIZE": 512 << 20, "NOFILE": 64}
    assert state.open == ()
    assert said_by("images.sandbox") == []


def test_its_limits_are_those_of_the_kernel_and_not_of_this_process():
    inspect_decoder(Limits())
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != 1536 << 20


def seen(limits: Mapping[str, int], *opened: str) -> DecoderState:
    return DecoderState({"vips": "8.18.0"}, limits, opened, has_network=True)


CONFINED = {"AS": 1536 << 20, "CORE": 0, "FSIZE": 512 << 20, "NOFILE": 64}


@pytest.mark.parametrize("lost", CONFINED)
def test_a_limit_that_was_not_applied_is_an_error(lost: str, monkeypatch: pytest.MonkeyPatch):
    state = seen({**CONFINED, lost: resource.RLIM_INFINITY})
    monkeypatch.setattr(images, "inspect_decoder", lambda _: state)
    diagnosis = told("images.sandbox")
    assert diagnosis.status == "error"
    assert f"limit on {lost}" in diagnosis.finding


def test_a_decoder_that_opens_what_it_should_not_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(images, "inspect_decoder", lambda _: seen(CONFINED, "vips"))
    assert "loaders are not closed" in told("images.sandbox").finding


def test_open_loaders_would_be_noticed():
    """In a process of its own: what is opened here stays open."""
    script = (
        "from rindle_django.media.backends import backend_named;"
        "from rindle_django.media.description import STRANGERS;"
        "vips = backend_named('vips'); closed = vips.admits(STRANGERS[0]);"
        "import pyvips; pyvips.block_untrusted_set(False);"
        "pyvips.operation_block_set('VipsForeignLoad', False);"
        "print(closed, vips.admits(STRANGERS[0]), backend_named('pillow').admits(STRANGERS[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["False", "True", "False"]


def test_a_decoder_that_cannot_be_started_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    sandbox.close_all()
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    for check in ("images.sandbox", "images.backend"):
        (diagnosis,) = diagnose(only=[check])
        assert diagnosis.status == "error"
        assert "No decoder process could be started" in diagnosis.finding


def test_pillow_is_said_to_be_second_best(settings: Settings):
    assert said_by("images.backend") == []
    settings.RINDLE = {**settings.RINDLE, "IMAGE_BACKEND": "pillow"}
    assert "Pillow" in told("images.backend").finding
    settings.RINDLE = {**settings.RINDLE, "IMAGE_BACKEND": "magick"}
    assert told("images.backend").status == "error"


def test_a_type_that_cannot_be_read_here_is_said():
    with declared("scans", content_types=("image/tiff", "image/jpeg")):
        diagnosis = told("images.formats")
    assert "Profile 'scans' takes image/tiff" in diagnosis.finding
    assert "convert it" in diagnosis.fix


def test_every_format_that_profiles_want_is_really_made():
    assert said_by("images.formats") == []


def test_a_format_that_cannot_be_written_here_is_named(recipes: dict[str, Recipe]):
    recipes["odd"] = ImageRecipe(width=8, format="bmp")  # type: ignore[arg-type]
    diagnosis = next(each for each in said_by("images.formats") if each.status == "error")
    assert "bmp cannot be written here, but photo.odd want it" in diagnosis.finding
