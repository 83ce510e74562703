"""Recipes: equal ones have equal digests, different ones different digests, for ever."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from rindle_django.profiles import ImageRecipe
from rindle_django.profiles.recipes import DEFAULT_QUALITY, base

# Frozen: a change here means that every variant in every project is made anew. Raise
# PIPELINE_VERSION on purpose, and freeze the new digests then.
FROZEN = [
    (
        ImageRecipe(width=64, height=64),
        "0158f6759890108f39e8d8f7cf4822c569a6a40a3a75dfeec334d1ef54c42012",
    ),
    (
        ImageRecipe(width=320, quality=75),
        "e84d4e2624df9b89d4329080f017ec4864550c5570c363e2ead5b62ce2cb4fd6",
    ),
    (
        ImageRecipe(mode="crop", width=400, height=400, format="webp"),
        "e225e40d11bbbd814ffe232d068c26a4c26c9d7b084219b48bfcd733e15b5277",
    ),
    (
        ImageRecipe(
            mode="crop",
            width=300,
            height=200,
            format="avif",
            focal_point=(0.25, 0.75),
            upscale=True,
        ),
        "2101566f9e843531f3af7b88841e5a60ae63b22312beb4149798af33233e962d",
    ),
    (
        ImageRecipe(mode="fill", height=90, format="png", background="#102030", keep_icc=True),
        "bfb0ea66694b5e8979d10c87854f77d8ab6de5518d25e9a7c391e691d1776937",
    ),
]

fractions = st.floats(0, 1, allow_nan=False)
options: dict[str, st.SearchStrategy[Any]] = {
    "mode": st.sampled_from(["fit", "fill", "crop"]),
    "width": st.none() | st.integers(1, 16_384),
    "height": st.none() | st.integers(1, 16_384),
    "format": st.sampled_from(sorted(DEFAULT_QUALITY)),
    "quality": st.none() | st.integers(1, 100),
    "background": st.from_regex(r"#[0-9a-f]{6}", fullmatch=True),
    "gravity": st.sampled_from(["centre", "north", "south", "attention", "entropy"]),
    "focal_point": st.none() | st.tuples(fractions, fractions),
    "upscale": st.booleans(),
    "animated": st.booleans(),
    "keep_icc": st.booleans(),
}
specs = st.fixed_dictionaries({}, optional=options)


@pytest.mark.parametrize(("recipe", "digest"), FROZEN)
def test_digests_are_frozen(recipe: ImageRecipe, digest: str):
    assert recipe.digest() == digest


@given(specs, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(spec: dict[str, Any], random: Any):
    shuffled = list(spec.items())
    random.shuffle(shuffled)
    assert ImageRecipe(**dict(shuffled)).digest() == ImageRecipe(**spec).digest()


@given(specs)
def test_defaults_spelled_out_are_the_same_recipe(spec: dict[str, Any]):
    sparse = ImageRecipe(**spec)
    spelled = {field.name: getattr(sparse, field.name) for field in fields(sparse)}
    spelled["quality"] = sparse.effective_quality
    assert ImageRecipe(**spelled).digest() == sparse.digest()


@given(specs, specs)
def test_different_recipes_have_different_digests(one: dict[str, Any], other: dict[str, Any]):
    first, second = ImageRecipe(**one), ImageRecipe(**other)
    same = replace(first, quality=first.effective_quality) == replace(
        second, quality=second.effective_quality
    )
    assert (first.digest() == second.digest()) == same


@given(specs)
def test_the_canonical_text_is_plain_sorted_json(spec: dict[str, Any]):
    text = ImageRecipe(**spec).canonical()
    assert text.isascii()
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert json.loads(text)["kind"] == "image"


@given(specs)
def test_every_field_takes_part_in_the_digest(spec: dict[str, Any]):
    text = json.loads(ImageRecipe(**spec).canonical())
    names = {field.name for field in fields(ImageRecipe)} - {"preset"}
    assert set(text) == names | {"kind", "pipeline"}


def test_a_new_pipeline_makes_everything_stale__P6(monkeypatch: pytest.MonkeyPatch):
    recipe = ImageRecipe(width=64)
    before = recipe.digest()
    monkeypatch.setattr(base, "PIPELINE_VERSION", base.PIPELINE_VERSION + 1)
    assert recipe.digest() != before


@given(specs)
def test_a_recipe_the_checks_accept_can_be_made(spec: dict[str, Any]):
    recipe = ImageRecipe(**spec)
    if not list(recipe.problems()):
        assert recipe.width or recipe.height
        assert recipe.mode != "crop" or (recipe.width and recipe.height)
        assert recipe.focal_point is None or recipe.mode == "crop"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "give a width, a height or both"),
        ({"width": 0}, "whole numbers"),
        ({"width": -3}, "whole numbers"),
        ({"height": 20_000}, "whole numbers"),
        ({"width": 2.5}, "whole numbers"),
        ({"width": 9, "mode": "crop"}, "needs both"),
        ({"width": 9, "mode": "stretch"}, "mode must be one of"),
        ({"width": 9, "format": "bmp"}, "format must be one of"),
        ({"width": 9, "gravity": "up"}, "gravity must be one of"),
        ({"width": 9, "quality": 0}, "quality"),
        ({"width": 9, "quality": 101}, "quality"),
        ({"width": 9, "background": "white"}, "background"),
        ({"width": 9, "height": 9, "mode": "crop", "focal_point": (0.5, 2)}, "fractions"),
        ({"width": 9, "focal_point": (0.5, 0.5)}, "applies to mode 'crop' only"),
    ],
)
def test_what_cannot_be_made_is_said_at_start_up(wrong: dict[str, Any], said: str):
    assert any(said in problem for problem in ImageRecipe(**wrong).problems())
