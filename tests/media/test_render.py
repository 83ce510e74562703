"""What comes out of a recipe: sizes, cuts, formats, colours. On every decoder library."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFile

from rindle_django.media.images import ImageHeader, Limits, probe_image, render_image
from rindle_django.profiles.recipes import ImageRecipe
from tests.media import pictures
from tests.media.pictures import BLUE, GREEN, RED, YELLOW, looks_like


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    rgb, right, low = image.convert("RGB"), image.width - 3, image.height - 3
    found = [rgb.getpixel(at) for at in [(2, 2), (right, 2), (2, low), (right, low)]]
    return [colour for colour in found if isinstance(colour, tuple)]


def assert_corners(image: Image.Image, *wanted: tuple[int, int, int]) -> None:
    found = corners(image)
    assert all(looks_like(a, b) for a, b in zip(found, wanted, strict=True)), (found, wanted)


@pytest.fixture
def photo(tmp_path):
    return pictures.save(tmp_path / "photo.jpg", pictures.quarters())


def test_fit_keeps_proportions__W3_1_P1(render, photo):
    image, _ = render(photo, width=100, height=100)
    assert image.size == (100, 50)
    assert_corners(image, RED, GREEN, BLUE, YELLOW)


@pytest.mark.parametrize(
    ("recipe", "size"),
    [({"width": 100}, (100, 50)), ({"height": 100}, (200, 100))],
    ids=["width only", "height only"],
)
@pytest.mark.parametrize("mode", ["fit", "fill"])
def test_one_side_is_enough__P2_W3_2(render, photo, recipe, size, mode):
    image, _ = render(photo, mode=mode, **recipe)
    assert image.size == size
    assert_corners(image, RED, GREEN, BLUE, YELLOW)


def test_orientation_is_applied_and_fit_still_keeps_proportions__W3_1(render, tmp_path):
    """The case of the audit: 400x200 with orientation 6 into 100x100 is 50x100."""
    image, _ = render(pictures.oriented(tmp_path / "phone.jpg", 6), width=100, height=100)
    assert image.size == (50, 100)
    assert_corners(image, BLUE, RED, YELLOW, GREEN)
    assert 0x0112 not in image.getexif()


@pytest.mark.parametrize(
    ("orientation", "seen"),
    [
        (1, (RED, GREEN, BLUE, YELLOW)),
        (2, (GREEN, RED, YELLOW, BLUE)),
        (3, (YELLOW, BLUE, GREEN, RED)),
        (4, (BLUE, YELLOW, RED, GREEN)),
        (5, (RED, BLUE, GREEN, YELLOW)),
        (6, (BLUE, RED, YELLOW, GREEN)),
        (7, (YELLOW, GREEN, BLUE, RED)),
        (8, (GREEN, YELLOW, RED, BLUE)),
    ],
)
def test_every_orientation_comes_out_upright(render, backend, tmp_path, orientation, seen):
    path = pictures.oriented(tmp_path / "phone.jpg", orientation, (240, 120))
    size = (240, 120) if orientation < 5 else (120, 240)
    header = probe_image(path, "image/jpeg", backend=backend)
    assert (header.width, header.height, header.orientation) == (*size, orientation)
    image, _ = render(path, width=240, height=240)
    assert image.size == size
    assert_corners(image, *seen)


def test_small_sources_are_not_enlarged__W3_2(render, photo):
    assert render(photo, width=1000, height=1000)[0].size == (400, 200)
    assert render(photo, mode="fill", width=1000, height=1000)[0].size == (200, 200)
    assert render(photo, mode="crop", width=300, height=600)[0].size == (100, 200)


def test_small_sources_are_enlarged_when_asked(render, photo):
    image, _ = render(photo, mode="fill", width=600, height=600, upscale=True)
    assert image.size == (600, 600)
    assert_corners(image, RED, GREEN, BLUE, YELLOW)
    assert render(photo, width=1000, upscale=True)[0].size == (1000, 500)


def test_fill_cuts_from_the_centre(render, photo):
    image, _ = render(photo, mode="fill", width=50, height=100)
    assert image.size == (50, 100)
    assert_corners(image, RED, GREEN, BLUE, YELLOW)


@pytest.mark.parametrize(
    ("gravity", "size", "seen"),
    [
        ("west", (50, 100), (RED, RED, BLUE, BLUE)),
        ("east", (50, 100), (GREEN, GREEN, YELLOW, YELLOW)),
        ("north", (200, 40), (RED, GREEN, RED, GREEN)),
        ("south", (200, 40), (BLUE, YELLOW, BLUE, YELLOW)),
        ("centre", (50, 100), (RED, GREEN, BLUE, YELLOW)),
    ],
)
def test_crop_by_gravity__W3_2(render, photo, gravity, size, seen):
    image, _ = render(photo, mode="crop", width=size[0], height=size[1], gravity=gravity)
    assert image.size == size
    assert_corners(image, *seen)


def test_crop_by_focal_point_wins_over_gravity(render, photo):
    image, _ = render(
        photo, mode="crop", width=50, height=50, gravity="west", focal_point=(0.9, 0.9)
    )
    assert_corners(image, GREEN, GREEN, YELLOW, YELLOW)


@pytest.mark.parametrize("gravity", ["attention", "entropy"])
def test_crop_by_interest_finds_what_there_is_to_see(render, tmp_path, gravity):
    image = Image.new("RGB", (600, 200), (120, 120, 120))
    image.paste(pictures.noise(120, 120), (460, 40))
    image.paste(RED, (480, 60, 560, 140))
    path = pictures.save(tmp_path / "x.png", image, "image/png")
    found, _ = render(path, "image/png", mode="crop", width=200, height=200, gravity=gravity)
    reds = sum(looks_like(found.getpixel(at), RED, 60) for at in ((x, 100) for x in range(200)))
    assert reds > 60


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("mime", pictures.TYPES)
def test_every_type_becomes_every_format__P4(render, tmp_path, mime, name):
    path = pictures.save(tmp_path / "source", pictures.quarters(), mime)
    image, rendered = render(path, mime, width=100, format=name)
    assert rendered.content_type == f"image/{name}"
    assert image.size == (100, 50)
    assert_corners(image, RED, GREEN, BLUE, YELLOW)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif"])
def test_quality_is_honoured__P3_W3_2(render, tmp_path, name):
    path = pictures.save(tmp_path / "x.png", pictures.noise(300, 200), "image/png")
    sizes = [
        render(path, "image/png", width=300, format=name, quality=quality)[1].byte_size
        for quality in (20, 60, 95)
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_jpeg_defaults_to_its_declared_quality__P3(render, photo):
    by_default = render(photo, width=200)[1].byte_size
    assert by_default == render(photo, width=200, quality=82)[1].byte_size


def test_alpha_is_laid_on_the_declared_background(render, tmp_path):
    path = pictures.translucent(tmp_path / "x.png")
    white, _ = render(path, "image/png", width=100)
    green, _ = render(path, "image/png", width=100, background="#14b414")
    assert white.mode == green.mode == "RGB"
    assert_corners(white, RED, (255, 255, 255), RED, (255, 255, 255))
    assert_corners(green, RED, GREEN, RED, GREEN)


@pytest.mark.parametrize("name", ["png", "webp", "avif"])
@pytest.mark.parametrize("mime", ["image/png", "image/webp"])
def test_alpha_survives_where_the_format_has_it(render, backend, tmp_path, mime, name):
    path = pictures.translucent(tmp_path / "x", mime)
    assert probe_image(path, mime, backend=backend).has_alpha
    image, _ = render(path, mime, width=100, format=name)
    assert image.convert("RGBA").getpixel((80, 20))[3] == 0
    assert looks_like(image.convert("RGBA").getpixel((20, 20)), RED)


def test_transparent_edges_get_no_dark_fringe(render, tmp_path):
    """Scaling must weigh colours by their alpha: what is transparent here is black."""
    path = pictures.translucent(tmp_path / "x.png")
    image, _ = render(path, "image/png", width=33, format="png")
    for x in range(image.width):
        red, green, blue, alpha = image.convert("RGBA").getpixel((x, 8))
        assert alpha < 24 or looks_like((red, green, blue), RED, 30)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "I;16"])
def test_png_of_every_mode(render, tmp_path, mode):
    path = tmp_path / "x.png"
    if mode.endswith("I;16"):
        pictures.sixteen_bit_png(path)
    else:
        ramp = Image.linear_gradient("L").rotate(90).convert("RGB").resize((256, 64))
        ramp.convert(mode).save(path)
    for name in ("jpeg", "png", "webp", "avif"):
        image, _ = render(path, "image/png", width=128, format=name)
        grey = image.convert("L").resize((128, 1), Image.Resampling.BOX)
        row = list(grey.tobytes())
        assert row[4] < 40
        assert row[-5] > 215
        assert 90 < row[64] < 165


def test_palette_with_transparency(render, tmp_path):
    path = tmp_path / "x.gif"
    frame = Image.new("P", (80, 40), 0)
    frame.putpalette([0, 0, 0, *RED])
    frame.paste(1, (0, 0, 40, 40))
    frame.save(path, transparency=0)
    image, _ = render(path, "image/gif", width=40)
    assert_corners(image, RED, (255, 255, 255), RED, (255, 255, 255))


def test_cmyk_comes_out_right_and_without_a_profile(render, tmp_path):
    """Neither blank nor inverted, and not with half a megabyte of profile."""
    path = pictures.cmyk(tmp_path / "print.jpg")
    for options in ({}, {"keep_icc": True}, {"format": "webp"}, {"format": "png"}):
        image, rendered = render(path, width=200, **options)
        assert image.mode == "RGB"
        red, green, blue, yellow = corners(image)
        assert red[0] > 150 > max(red[1:])
        assert green[1] > 100 > max(green[0], green[2])
        assert blue[2] > 100 > max(blue[:2])
        assert min(yellow[:2]) > 180 > 100 > yellow[2]
        assert "icc_profile" not in image.info
        assert rendered.byte_size < 10_000


def test_colours_are_converted_to_srgb_and_the_profile_dropped(render, tmp_path):
    path, _ = pictures.with_profile(tmp_path / "x.jpg")
    image, _ = render(path, width=200)
    assert "icc_profile" not in image.info
    found = corners(image)
    assert found[0][1] > found[0][0], "the profile's red is green"
    assert found[1][0] > found[1][1], "and its green red"


def test_a_profile_is_kept_when_asked_with_the_colours_it_belongs_to(render, tmp_path):
    path, profile = pictures.with_profile(tmp_path / "x.jpg")
    image, _ = render(path, width=200, keep_icc=True)
    assert image.info["icc_profile"] == profile
    assert_corners(image, RED, GREEN, BLUE, YELLOW)


def test_a_broken_profile_costs_nothing_but_itself(render, tmp_path):
    path = pictures.save(tmp_path / "x.jpg", pictures.quarters(), icc_profile=b"broken" * 40)
    image, _ = render(path, width=200)
    assert_corners(image, RED, GREEN, BLUE, YELLOW)
    assert "icc_profile" not in image.info


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("mime", ["image/jpeg", "image/png", "image/webp"])
def test_no_metadata_survives__P5_W3_3_S9(render, tmp_path, mime, name):
    path = pictures.with_secrets(tmp_path / "x", mime)
    assert b"CANARY" in path.read_bytes()
    image, _ = render(path, mime, width=200, format=name)
    assert_no_secrets(image)


def test_keeping_the_profile_keeps_no_other_metadata__S9(render, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "CANARY"
    path = pictures.save(
        tmp_path / "x.jpg",
        pictures.quarters(),
        icc_profile=pictures.swapped_profile(),
        exif=exif,
        comment=b"CANARY",
        xmp=b"CANARY",
    )
    for name in ("jpeg", "png", "webp", "avif"):
        assert_no_secrets(render(path, width=200, keep_icc=True, format=name)[0])


def assert_no_secrets(image: ImageFile.ImageFile) -> None:
    assert not dict(image.getexif())
    assert not image.getexif().get_ifd(0x8825)
    assert not {"exif", "xmp", "comment", "Comment", "XML:com.adobe.xmp"} & set(image.info)
    assert b"CANARY" not in Path(str(image.filename)).read_bytes()


def test_the_header_is_read_without_decoding(backend, tmp_path):
    path = pictures.save(tmp_path / "x.jpg", pictures.quarters(3000, 2000))
    assert probe_image(path, "image/jpeg", Limits(), backend=backend) == ImageHeader(
        width=3000, height=2000, pages=1, has_alpha=False, orientation=1
    )


@pytest.mark.parametrize("mime", pictures.TYPES)
def test_the_header_of_every_type(backend, tmp_path, mime):
    path = pictures.save(tmp_path / "x", pictures.quarters(301, 201), mime)
    header = probe_image(path, mime, backend=backend)
    assert (header.width, header.height, header.pages) == (301, 201, 1)
    assert header.has_alpha is False


@pytest.mark.parametrize("mime", ["image/gif", "image/webp"])
def test_an_animation_stays_one_as_webp(render, backend, tmp_path, mime):
    path = pictures.animation(tmp_path / "x", mime)
    assert probe_image(path, mime, backend=backend).pages == 4
    image, rendered = render(path, mime, mode="fill", width=60, height=60, format="webp")
    assert image.size == (60, 60)
    assert rendered.pages == image.n_frames == 4
    for page, colour in enumerate((RED, GREEN, BLUE, YELLOW)):
        image.seek(page)
        image.load()
        # Every corner: a frame scaled with its neighbours would bleed into them.
        assert_corners(image, colour, colour, colour, colour)
        assert image.info["duration"] == 100 + 50 * page
    assert image.info["loop"] == 0


@pytest.mark.parametrize("mime", ["image/gif", "image/webp"])
@pytest.mark.parametrize("recipe", [{"format": "webp", "animated": False}, {"format": "jpeg"}])
def test_a_still_of_an_animation_is_its_first_frame(render, tmp_path, mime, recipe):
    path = pictures.animation(tmp_path / "x", mime)
    image, rendered = render(path, mime, width=60, **recipe)
    assert rendered.pages == 1
    assert image.size == (60, 40)
    assert_corners(image, RED, RED, RED, RED)


def test_an_animation_with_transparency_keeps_it(render, tmp_path):
    path = tmp_path / "x.gif"
    pages = []
    for at in range(3):
        page = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
        ImageDraw.Draw(page).ellipse((at * 10, 0, at * 10 + 39, 39), fill=(*RED, 255))
        pages.append(page)
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=100, disposal=2)
    image, _ = render(path, "image/gif", width=60, format="webp")
    for at in range(3):
        image.seek(at)
        frame = image.convert("RGBA")
        assert frame.getpixel((at * 10 + 20, 20))[3] == 255
        assert frame.getpixel((at * 10 + 2, 2))[3] == 0


def test_names_are_names_not_options__S7(render, tmp_path):
    """libvips obeys what stands in brackets behind a file's name."""
    source = tmp_path / "[n=-1,unlimited]x.jpg[shrink=8]"
    pictures.save(tmp_path / "x", pictures.quarters())
    (tmp_path / "x").rename(source)
    image, _ = render(source, width=400)
    assert image.size == (400, 200)


def test_a_target_with_options_in_its_name_is_written_under_that_name__S7(backend, photo, tmp_path):
    target = tmp_path / "out.png[Q=1,keep=all]"
    render_image(photo, "image/jpeg", ImageRecipe(width=50), target, backend=backend)
    with Image.open(target) as image:
        assert (image.format, image.size) == ("JPEG", (50, 25))
