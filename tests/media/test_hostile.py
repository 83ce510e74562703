"""Files that mean harm or are broken: each costs one typed error and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import pyvips
from PIL import Image

from rindle_django.errors import ContentRefused, RindleError
from rindle_django.media import sandbox
from rindle_django.media.images import Limits, decodable, probe_image, render_image
from rindle_django.media.sniff import sniff
from rindle_django.profiles.recipes import ImageRecipe
from tests.media import pictures
from tests.media.decoders import decoders

UNREADABLE = {"image_unreadable", "image_truncated"}
THUMB = ImageRecipe(width=100, height=100)


def refusal(path: Path, mime: str, backend: str, limits: Limits | None = None) -> RindleError:
    """The error that rendering ends in; no target may be left by it."""
    target = path.with_name("target")
    with pytest.raises(RindleError) as caught:
        render_image(path, mime, THUMB, target, limits, backend=backend)
    assert not target.exists()
    return caught.value


@pytest.mark.parametrize("share", [0.6, 0.95])
@pytest.mark.parametrize("mime", pictures.TYPES)
def test_cut_off_files_are_refused__S8(backend, tmp_path, mime, share):
    whole = pictures.save(tmp_path / "whole", pictures.noise(640, 480), mime)
    path = pictures.cut_short(whole, tmp_path / "cut", share)
    assert sniff(path.read_bytes()[:65536]) == mime
    error = refusal(path, mime, backend)
    assert isinstance(error, ContentRefused)
    assert error.code in UNREADABLE


def test_an_empty_file_is_called_empty(backend, tmp_path):
    path = tmp_path / "empty.jpg"
    path.touch()
    assert refusal(path, "image/jpeg", backend).code == "empty_file"
    with pytest.raises(ContentRefused, match="empty"):
        probe_image(path, "image/jpeg", backend=backend)


def test_a_polyglot_is_its_leading_magic_and_loses_its_tail__S8(backend, tmp_path):
    photo = pictures.save(tmp_path / "x.jpg", pictures.quarters())
    path = tmp_path / "polyglot.jpg"
    path.write_bytes(photo.read_bytes() + b"<html><script>CANARY</script>PK\x03\x04CANARY")
    target = tmp_path / "out"
    render_image(path, "image/jpeg", THUMB, target, backend=backend)
    assert b"CANARY" not in target.read_bytes()


@pytest.fixture
def disguised(tmp_path):
    """One file for each loader that libvips has and we do not open, and a secret beside it."""
    (tmp_path / "secret.png").write_bytes(
        pictures.save(
            tmp_path / "s.png", Image.new("RGB", (64, 64), pictures.RED), "image/png"
        ).read_bytes()
    )
    files = {
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
        b'<image href="secret.png" width="64" height="64"/></svg>',
        "csv": b"1,2,3\n4,5,6\n",
        "matrix": b"3 2\n1 2 3\n4 5 6\n",
        "ppm": b"P6 2 2 255\n" + bytes(12),
        "pdf": b"%PDF-1.4\n1 0 obj<<>>endobj\n",
        "playlist": b"#EXTM3U\nfile:///etc/passwd\n",
        "mvg": b"push graphic-context\nimage over 0,0 0,0 'secret.png'\npop graphic-context\n",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    image = pyvips.Image.black(8, 8)
    image.vipssave(str(tmp_path / "native.v"))
    (tmp_path / "native.v").rename(tmp_path / "native")
    pictures.quarters().save(tmp_path / "tiff", "TIFF")
    pictures.quarters().save(tmp_path / "bmp", "BMP")
    return [tmp_path / name for name in (*files, "native", "tiff", "bmp")]


@pytest.mark.parametrize("mime", ["image/jpeg", "image/avif"])
def test_no_other_loader_opens_a_file_whatever_it_is_called__S1_S2_S3(backend, disguised, mime):
    for path in disguised:
        error = refusal(path, mime, backend)
        assert isinstance(error, ContentRefused), path
        assert error.code in UNREADABLE, path


@pytest.mark.parametrize("mime", ["image/webp", "image/avif"])
def test_only_the_family_of_the_sniffed_type_decodes__S1(backend, tmp_path, mime):
    for actual in pictures.TYPES:
        if actual == mime:
            continue
        path = pictures.save(tmp_path / "x", pictures.quarters(40, 20), actual)
        assert refusal(path, mime, backend).code in UNREADABLE, actual


def test_every_loader_of_libvips_is_closed_until_it_is_needed__S1():
    """Including those that a later libvips may bring."""
    script = """
import pyvips
from rindle_django.media.backends.vips import Vips
def walk(kind):
    names.append(pyvips.nickname_find(kind))
    pyvips.type_map(kind, lambda each, a, b: walk(each) or pyvips.ffi.NULL)
names = []
pyvips.type_map(pyvips.type_from_name("VipsForeignLoad"),
                lambda each, a, b: walk(each) or pyvips.ffi.NULL)
assert "svgload" in names and "vipsload" in names, names
Vips()
for name in names:
    if name.endswith("_base") or name == "rawload":
        continue
    file = __file__ if "__file__" in globals() else "/dev/null"
    argument = b"x" if name.endswith("_buffer") else file
    if name.endswith("_source"):
        argument = pyvips.Source.new_from_memory(b"x")
    try:
        getattr(pyvips.Image, name)(argument)
    except pyvips.Error as error:
        if "blocked" not in str(error) and "heif" not in name:
            print("open:", name, error)
    else:
        print("open:", name)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


@pytest.mark.parametrize(
    ("mime", "code"),
    [
        ("image/tiff", "decoder_missing"),
        ("image/svg+xml", "image_unreadable"),
        ("application/pdf", "image_unreadable"),
        ("video/mp4", "image_unreadable"),
        ("application/x-unheard-of", "image_unreadable"),
    ],
)
def test_types_that_are_not_decoded_start_no_decoder(cold, backend, tmp_path, mime, code):
    decodable(mime, backend=backend)  # asks once what there is, and remembers
    sandbox.close_all()
    path = tmp_path / "x"
    path.write_bytes(b"anything")
    with pytest.raises(RindleError) as caught:
        probe_image(path, mime, backend=backend)
    assert caught.value.code == code
    assert not decoders()


def test_a_png_that_promises_2500_megapixels_is_refused_on_its_header__S4_W3_4(backend, tmp_path):
    path = pictures.png_bomb(tmp_path / "bomb.png", 50_000, 50_000)
    assert path.stat().st_size < 1000
    assert refusal(path, "image/png", backend).code == "side_exceeded"
    path = pictures.png_bomb(tmp_path / "bomb.png", 19_000, 19_000)
    error = refusal(path, "image/png", backend)
    assert error.code == "pixels_exceeded"
    assert error.params["pixels"] == 361_000_000


def test_an_honest_bomb_is_refused_just_so__S4(backend, tmp_path):
    path = pictures.png_bomb(tmp_path / "bomb.png", 15_000, 15_000, honest=True)
    assert path.stat().st_size < 60_000
    assert refusal(path, "image/png", backend).code == "pixels_exceeded"


def test_limits_are_those_of_the_caller(backend, tmp_path):
    path = pictures.save(tmp_path / "x.jpg", pictures.quarters(400, 200))
    assert refusal(path, "image/jpeg", backend, Limits(max_pixels=79_999)).code == "pixels_exceeded"
    assert refusal(path, "image/jpeg", backend, Limits(max_side=399)).code == "side_exceeded"
    assert probe_image(path, "image/jpeg", Limits(max_pixels=80_000, max_side=400)).width == 400


def test_too_many_frames_are_refused__S4(backend, tmp_path):
    path = pictures.endless_gif(tmp_path / "x.gif", 20_000)
    assert refusal(path, "image/gif", backend).code == "pages_exceeded"


def test_frames_add_up__S4(backend, tmp_path):
    path = pictures.animation(tmp_path / "x.gif", "image/gif", frames=8)
    limits = Limits(max_total_pixels=8 * 120 * 80 - 1)
    assert refusal(path, "image/gif", backend, limits).code == "pixels_exceeded"


def test_an_output_may_not_be_a_bomb_either__S4(backend, tmp_path):
    path = pictures.save(tmp_path / "x.png", Image.new("L", (300, 300)), "image/png")
    with pytest.raises(ContentRefused) as caught:
        render_image(
            path,
            "image/png",
            ImageRecipe(width=16_000, format="png", upscale=True),
            tmp_path / "out",
            backend=backend,
        )
    assert caught.value.code == "pixels_exceeded"


@pytest.fixture(scope="module")
def avif_bomb(tmp_path_factory):
    """A few kilobytes that want hundreds of megabytes: 31 plain megapixels."""
    path = tmp_path_factory.mktemp("bomb") / "bomb.avif"
    Image.new("RGB", (5600, 5600), pictures.BLUE).save(path, quality=30, speed=10)
    assert path.stat().st_size < 20_000
    return path


def test_a_small_avif_that_bloats_its_decoder_costs_one_error__S4(backend, avif_bomb, tmp_path):
    path = tmp_path / "bomb.avif"
    path.write_bytes(avif_bomb.read_bytes())
    limits = Limits(memory_bytes={"vips": 400, "pillow": 300}[backend] << 20)
    error = refusal(path, "image/avif", backend, limits)
    assert isinstance(error, ContentRefused)
    assert error.code == "decoder_memory"
    # And the worker goes on.
    photo = pictures.save(tmp_path / "x.jpg", pictures.quarters())
    assert probe_image(photo, "image/jpeg", limits, backend=backend).width == 400


@pytest.mark.parametrize("damage", range(3))
@pytest.mark.parametrize("mime", pictures.TYPES)
def test_flipped_bytes_end_in_a_picture_or_a_verdict(backend, tmp_path, mime, damage):
    """Pillow alone raises seven classes of exceptions on such files."""
    data = bytearray(pictures.save(tmp_path / "x", pictures.noise(200, 100), mime).read_bytes())
    for at in range(8 + damage, len(data), max(40, len(data) // (3 + damage))):
        data[at] ^= 0x5A + damage
    path = tmp_path / "damaged"
    path.write_bytes(data)
    try:
        render_image(path, mime, THUMB, tmp_path / "out", backend=backend)
    except ContentRefused:
        assert not (tmp_path / "out").exists()
    else:
        with Image.open(tmp_path / "out") as image:
            image.load()


def test_what_the_disk_did_is_not_held_against_the_file__U19(backend, tmp_path):
    path = pictures.save(tmp_path / "x.jpg", pictures.quarters())
    with pytest.raises(RindleError) as caught:
        render_image(path, "image/jpeg", THUMB, tmp_path / "gone" / "out", backend=backend)
    assert caught.value.code == "decoder_unavailable"
    with pytest.raises(FileNotFoundError):
        probe_image(tmp_path / "never", "image/jpeg", backend=backend)


def test_errors_do_not_tell_where_files_lie__S29(backend, tmp_path):
    path = tmp_path / "broken"
    path.write_bytes(b"\xff\xd8\xff" + b"nothing" * 20)
    error = refusal(path, "image/jpeg", backend)
    assert str(tmp_path) not in str(error)
    assert len(str(error)) < 300
