"""ThumbHash: small, true to the colours and the shape, and the same as other programs make it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from rindle_django.media.images import render_image, render_images
from rindle_django.media.thumbhash import pixels, thumbhash
from rindle_django.profiles.recipes import ImageRecipe
from tests.media import pictures

Colour = tuple[int, int, int, int]


def of(image: Image.Image) -> str:
    return thumbhash(*image.size, image.convert("RGBA").tobytes())


def gradient(width: int, height: int) -> Image.Image:
    """Some of everything, and no value that two programs would round differently."""
    image = Image.new("RGB", (width, height))
    for x in range(width):
        for y in range(height):
            image.putpixel(
                (x, y), (6 * x + y * y // 18, 250 - 8 * y + y % 3, (x * y + 3 * x * x) // 16)
            )
    return image


def colour(code: str, x: float, y: float) -> Colour:
    """What a hash shows at these fractions of width and height."""
    width, height, rgba = pixels(code, 32)
    at = 4 * (int(y * height) * width + int(x * width))
    red, green, blue, alpha = rgba[at : at + 4]
    return red, green, blue, alpha


def near(one: Colour, other: Colour, by: int = 45) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (gradient(30, 19), "W1oNLJKAh4eKiIiIh4hPfggIhw=="),
        (gradient(20, 32), "E5oJNCCA54iIiIiIh4hpf1gIhw=="),
        (gradient(24, 24), "V2oJLxaAh4eMiIeIiIeIiHeIuPWHg3AI"),
    ],
    ids=["landscape", "portrait", "square"],
)
def test_it_is_what_others_make_of_it(image: Image.Image, code: str):
    """The hashes were made by another program, the package thumbhash 0.1.2."""
    assert of(image) == code


def test_a_plain_colour_comes_back():
    code = of(Image.new("RGB", (8, 8), (128, 64, 32)))
    assert near(colour(code, 0.5, 0.5), (128, 64, 32, 255), by=6)


@pytest.mark.parametrize("size", [(32, 16), (16, 32), (24, 24), (32, 1), (1, 32), (1, 1)])
def test_the_shape_comes_back_about_as_it_was(size: tuple[int, int]):
    width, height, rgba = pixels(of(Image.new("RGB", size, "red")), 32)
    assert len(rgba) == 4 * width * height
    assert max(width, height) == 32
    assert abs(width / max(width, height) - size[0] / max(size)) < 0.2


def test_transparent_parts_come_back_transparent_and_their_hidden_colour_does_not():
    image = Image.new("RGBA", (32, 32), (255, 0, 0, 255))
    image.paste((0, 255, 0, 0), (16, 0, 32, 32))
    code = of(image)
    assert colour(code, 0.1, 0.5)[3] > 200
    assert colour(code, 0.9, 0.5)[3] < 55
    assert near(colour(code, 0.1, 0.5), (255, 0, 0, 255))


@given(st.data())
def test_any_picture_has_a_short_hash_that_can_be_drawn(data: st.DataObject):
    width, height = data.draw(st.integers(1, 24)), data.draw(st.integers(1, 24))
    rgba = data.draw(st.binary(min_size=4 * width * height, max_size=4 * width * height))
    code = thumbhash(width, height, rgba)
    assert len(base64.b64decode(code)) <= 40
    drawn = pixels(code, 12)
    assert len(drawn[2]) == 4 * drawn[0] * drawn[1]


@given(
    st.one_of(st.text(max_size=40), st.binary(max_size=40).map(base64.b64encode).map(bytes.decode))
)
def test_what_is_no_hash_is_refused_or_drawn_but_harms_nobody(code: str):
    try:
        width, height, rgba = pixels(code, 12)
    except ValueError:
        return
    assert len(rgba) == 4 * width * height <= 4 * 12 * 12


# --- with what is rendered ---------------------------------------------------------------------


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return pictures.save(tmp_path / "photo.jpg", pictures.quarters())


def test_the_smallest_of_those_made_together_brings_it(photo: Path, backend: str, tmp_path: Path):
    recipes = [ImageRecipe(width=200), ImageRecipe(mode="fill", width=50, height=50)]
    jobs = [(recipe, tmp_path / f"output {at}") for at, recipe in enumerate(recipes)]
    large, small = render_images(photo, "image/jpeg", jobs, backend=backend)
    assert large.placeholder == ""  # type: ignore[union-attr]
    code = small.placeholder  # type: ignore[union-attr]
    corners = [colour(code, x, y) for y in (0.2, 0.8) for x in (0.2, 0.8)]
    wanted = [pictures.RED, pictures.GREEN, pictures.BLUE, pictures.YELLOW]
    # Of the whole picture, though what was made of it is a square.
    assert pixels(code, 32)[:2] == (32, 18)
    assert all(near(a, (*b, 255), by=90) for a, b in zip(corners, wanted, strict=True)), corners


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16"])
def test_pictures_of_every_sort_have_one(mode: str, backend: str, tmp_path: Path):
    form = "JPEG" if mode == "CMYK" else "PNG"
    source = tmp_path / f"source.{form.lower()}"
    image = Image.linear_gradient("L").resize((90, 60))
    (image.convert("I;16") if mode == "I;16" else image.convert(mode)).save(source, form)
    recipe = ImageRecipe(width=40, format="png")
    rendered = render_image(
        source, f"image/{form.lower()}", recipe, tmp_path / "o", backend=backend
    )
    assert pixels(rendered.placeholder, 7)[:2] == (7, 5)


def test_an_animation_has_that_of_its_first_frame(backend: str, tmp_path: Path):
    frames = [Image.new("RGB", (60, 40), each) for each in ("red", "blue", "green")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=50)
    recipe = ImageRecipe(width=30, format="webp")
    rendered = render_image(
        tmp_path / "a.gif", "image/gif", recipe, tmp_path / "o", backend=backend
    )
    assert rendered.pages == 3
    assert near(colour(rendered.placeholder, 0.5, 0.5), (255, 0, 0, 255), by=10)


def test_a_strip_of_one_pixel_has_one(backend: str, tmp_path: Path):
    Image.new("RGB", (900, 1), "red").save(tmp_path / "strip.png")
    recipe = ImageRecipe(width=300, format="png")
    rendered = render_image(
        tmp_path / "strip.png", "image/png", recipe, tmp_path / "o", backend=backend
    )
    assert near(colour(rendered.placeholder, 0.5, 0.5), (255, 0, 0, 255), by=10)
