"""Whether a colour profile says no more than sRGB: then converting costs, and changes nothing.

Cameras and editors embed sRGB in many files, each in bytes of its own. So it is known by what it
says: the colours of its three lights, and how bright each of them is at a value.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache

# Of the red, green and blue light in X, Y and Z, under the white that profiles refer to.
_LIGHTS: Mapping[bytes, tuple[float, float, float]] = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
# Roundings of 16 bits, and of whoever measured the lights, are less than these.
_SAME_LIGHT = 0.002
_SAME_VALUE = 0.5 / 255
_SAMPLES = [number / 32 for number in range(33)]
# What may hold a table that is obeyed instead of lights and curves.
_TABLES = frozenset({b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1", b"D2B2", b"D2B3"})
_MOST_TAGS, _LARGEST = 100, 64 << 10

Curve = Callable[[float], float]


@lru_cache(maxsize=32)
def is_srgb(profile: bytes) -> bool:
    """Whether no pixel would change by it. A profile that cannot be read is not sRGB."""
    try:
        return len(profile) <= _LARGEST and _says_srgb(profile)
    except (struct.error, ValueError, KeyError, OverflowError, ZeroDivisionError, TypeError):
        return False


def _says_srgb(profile: bytes) -> bool:
    if profile[12:24] not in (b"mntrRGB XYZ ", b"scnrRGB XYZ "):
        return False
    tags = _tags(profile)
    return (
        not _TABLES & tags.keys()
        and all(_same_light(tags[name], light) for name, light in _LIGHTS.items())
        and all(_same_curve(_curve(tags[name])) for name in _CURVES)
    )


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > _MOST_TAGS:
        raise ValueError("too many tags")
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * number) for number in range(count))
    return {name: profile[start : start + length] for name, start, length in entries}


def _same_light(tag: bytes, light: tuple[float, float, float]) -> bool:
    kind, *found = struct.unpack_from(">4s4x3i", tag)
    near = (abs(each / 65536 - one) <= _SAME_LIGHT for each, one in zip(found, light, strict=True))
    return kind == b"XYZ " and all(near)


def _same_curve(curve: Curve) -> bool:
    """Compared by the value that sRGB has for the brightness, as the eye does."""
    return all(abs(_srgb_value(curve(each)) - each) <= _SAME_VALUE for each in _SAMPLES)


def _srgb_value(brightness: float) -> float:
    if brightness <= 0.0031308:
        return brightness * 12.92
    return 1.055 * math.pow(brightness, 1 / 2.4) - 0.055


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"curv":
        return _sampled(tag)
    if tag[:4] == b"para":
        return _formula(tag)
    raise ValueError("a curve of an unknown kind")


def _sampled(tag: bytes) -> Curve:
    count: int = struct.unpack_from(">I", tag, 8)[0]
    if not 2 <= count <= 65536:
        raise ValueError("a plain power is not the curve of sRGB")
    values: tuple[int, ...] = struct.unpack_from(f">{count}H", tag, 12)

    def curve(value: float) -> float:
        at = value * (count - 1)
        low = min(int(at), count - 2)
        return (values[low] + (values[low + 1] - values[low]) * (at - low)) / 65535

    return curve


def _formula(tag: bytes) -> Curve:
    """A power, and a straight line below ``bend``."""
    (function,) = struct.unpack_from(">H", tag, 8)
    if function != 3:
        raise ValueError("a formula that is not the one of sRGB")
    power, scale, shift, slope, bend = _fractions(tag)

    def curve(value: float) -> float:
        return math.pow(scale * value + shift, power) if value >= bend else slope * value

    return curve


def _fractions(tag: bytes) -> list[float]:
    found: tuple[int, ...] = struct.unpack_from(">5i", tag, 12)
    return [each / 65536 for each in found]
