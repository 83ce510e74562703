"""Sizes and cuts: arithmetic that both decoder libraries share."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from rindle_django.media.geometry import LARGEST_SIDE, anchored_box, place
from rindle_django.profiles.recipes import ImageRecipe

side = st.integers(1, 20_000)
wanted = st.integers(1, 16_384)


def size_of(source: tuple[int, int], **recipe: object) -> tuple[int, int]:
    return place(source, ImageRecipe(**recipe)).cut  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("recipe", "size"),
    [
        ({"width": 100, "height": 100}, (100, 50)),
        ({"width": 100}, (100, 50)),
        ({"height": 100}, (200, 100)),
        ({"width": 1000, "height": 1000}, (400, 200)),
        ({"width": 1000, "height": 1000, "upscale": True}, (1000, 500)),
        ({"mode": "fill", "width": 100, "height": 100}, (100, 100)),
        ({"mode": "fill", "width": 100}, (100, 50)),
        ({"mode": "fill", "height": 100}, (200, 100)),
        ({"mode": "fill", "width": 1000, "height": 1000}, (200, 200)),
        ({"mode": "fill", "width": 300, "height": 300}, (200, 200)),
        ({"mode": "fill", "width": 1000, "height": 250}, (400, 100)),
        ({"mode": "fill", "width": 1000, "height": 1000, "upscale": True}, (1000, 1000)),
        ({"mode": "crop", "width": 50, "height": 200}, (50, 200)),
    ],
)
def test_output_size_of_a_400x200_source__P1_P2_W3_1(recipe, size):
    assert size_of((400, 200), **recipe) == size


@given(side, side, wanted, wanted)
def test_fit_never_distorts__P1_W3_1(width, height, to_width, to_height):
    out = size_of((width, height), width=to_width, height=to_height)
    scale = min(to_width / width, to_height / height, 1)
    assert abs(out[0] - width * scale) <= 1
    assert abs(out[1] - height * scale) <= 1
    assert out[0] <= max(to_width, 1)
    assert out[1] <= max(to_height, 1)


@given(side, side, wanted, wanted, st.sampled_from(["fill", "crop"]))
def test_covering_keeps_the_shape_and_never_enlarges__W3_2(
    width, height, to_width, to_height, mode
):
    recipe = ImageRecipe(mode=mode, width=to_width, height=to_height)
    placement = place((width, height), recipe)
    assert placement.cut[0] <= min(to_width, width)
    assert placement.cut[1] <= min(to_height, height)
    assert placement.scaled[0] <= width
    assert placement.scaled[1] <= height
    share = min(1, width / to_width, height / to_height)
    assert abs(placement.cut[0] - to_width * share) <= 1
    assert abs(placement.cut[1] - to_height * share) <= 1


@given(
    side,
    side,
    wanted,
    wanted,
    st.sampled_from(["centre", "north", "south", "east", "west"]),
    st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.booleans(),
)
def test_the_cut_lies_within_the_picture(
    width, height, to_width, to_height, gravity, focal_point, upscale
):
    recipe = ImageRecipe(
        mode="crop",
        width=to_width,
        height=to_height,
        gravity=gravity,
        focal_point=focal_point,
        upscale=upscale,
    )
    placement = place((width, height), recipe)
    box = anchored_box(placement, recipe)
    assert box is not None
    assert 0 <= box.left <= placement.scaled[0] - box.width
    assert 0 <= box.top <= placement.scaled[1] - box.height
    assert (box.width, box.height) == placement.cut


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif"])
def test_an_output_fits_into_its_format(name):
    out = size_of((1000, 80_000), width=1000, format=name)
    assert max(out) <= LARGEST_SIDE[name]
    assert abs(out[0] / out[1] - 1 / 80) < 0.001
