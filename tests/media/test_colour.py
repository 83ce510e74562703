"""Which profiles say no more than sRGB, and that converting by others still happens."""

from __future__ import annotations

import struct

import pytest
from PIL import Image, ImageCms

from rindle_django.media.colour import is_srgb
from tests.media import pictures

LIGHTS = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.7141),
}
FORMULA = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


SRGB: bytes = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(each * 65536) for each in values))


def parametric(*values: float, function: int = 3) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", function, 0) + fixed(*values)


def sampled(count: int = 1024, power: float | None = None) -> bytes:
    def brightness(value: float) -> float:
        if power is not None:
            return float(value**power)
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    values = [round(65535 * brightness(each / (count - 1))) for each in range(count)]
    return b"curv" + bytes(4) + struct.pack(f">I{count}H", count, *values)


def profile(
    curve: bytes, lights: dict[bytes, tuple[float, float, float]] = LIGHTS, **more: bytes
) -> bytes:
    tags = {name: b"XYZ " + bytes(4) + fixed(*light) for name, light in lights.items()}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    tags |= {name.encode(): data for name, data in more.items()}
    head = bytearray(128)
    head[12:24] = b"mntrRGB XYZ "
    table, data = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        start = 132 + 12 * len(tags) + len(data)
        table += name + struct.pack(">II", start, len(tag))
        data += tag
    return bytes(head) + table + data


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(SRGB, id="as lcms writes it"),
        pytest.param(profile(sampled()), id="a table"),
        pytest.param(profile(parametric(*FORMULA)), id="a formula"),
    ],
)
def test_srgb_is_known_by_what_it_says(same):
    assert is_srgb(same)


def wide() -> bytes:
    """A whole profile, with the lights of Display P3."""
    patched = bytearray(SRGB)
    for name, light in P3.items():
        (start,) = struct.unpack_from(">I", SRGB, SRGB.index(name, 132) + 4)
        patched[start + 8 : start + 20] = fixed(*light)
    return bytes(patched)


P3 = LIGHTS | {b"rXYZ": (0.5151, 0.2412, -0.0011), b"gXYZ": (0.292, 0.6922, 0.0419)}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(profile(sampled(), P3), id="the lights of Display P3"),
        pytest.param(profile(sampled(power=2.2)), id="a plain power"),
        pytest.param(profile(parametric(*FORMULA[:4], 0.2)), id="another bend"),
        pytest.param(profile(parametric(*FORMULA, function=4)), id="another formula"),
        pytest.param(profile(sampled(), A2B0=b"mft2"), id="a table that is obeyed instead"),
        pytest.param(profile(sampled()).replace(b"RGB XYZ", b"CMYKXYZ"), id="another space"),
        pytest.param(profile(parametric(*FORMULA[:1], -5.0, *FORMULA[2:])), id="impossible"),
        pytest.param(profile(sampled())[:300], id="cut off"),
        pytest.param(b"broken" * 40, id="broken"),
        pytest.param(b"", id="empty"),
        pytest.param(pictures.swapped_profile(), id="red and green swapped"),
    ],
)
def test_what_says_more_is_not_taken_for_it(other):
    assert not is_srgb(other)


def test_a_picture_in_srgb_keeps_its_colours_and_loses_its_profile(render, tmp_path):
    told = pictures.save(tmp_path / "x.jpg", pictures.quarters(), icc_profile=SRGB)
    plain = pictures.save(tmp_path / "y.jpg", pictures.quarters())
    image, _ = render(told, width=200, format="png")
    same, _ = render(plain, width=200, format="png")
    assert "icc_profile" not in image.info
    assert image.tobytes() == same.tobytes()


def test_a_wide_colour_is_still_brought_to_srgb(render, tmp_path):
    green = Image.new("RGB", (64, 64), (60, 160, 60))
    path = pictures.save(tmp_path / "x.png", green, "image/png", icc_profile=wide())
    assert not is_srgb(wide())
    image, _ = render(path, "image/png", width=64, format="png")
    assert image.convert("RGB").getpixel((32, 32))[0] < 40, "less red, for the same green"
