"""ThumbHash: an image in 5 to 25 bytes, blurred beyond recognition but with its colours and shape.

The format is Evan Wallace's (https://evanw.github.io/thumbhash/). A picture is a sum of cosine
waves in four channels: luminance, yellow–blue (p), red–green (q) and alpha; few waves are kept, in
four bits each. Waves are taken row by row and then column by column, which is what makes it cheap.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, floor, pi
from operator import mul

MOST_SIDE = 24
"""Pixels of what is worth looking at: no finer detail is kept."""

Channel = list[list[float]]  # rows


def thumbhash(width: int, height: int, rgba: bytes) -> str:
    """Of an upright sRGB picture with alpha (not premultiplied), in base64."""
    light, yellow, red, alpha, opaque = _channels(width, height, rgba)
    across, down = _waves(width, height, 7 if opaque else 5)
    brightness = _Waves.of(light, max(3, across), max(3, down))
    colours = [_Waves.of(channel, 3, 3) for channel in (yellow, red)]
    veil = [] if opaque else [_Waves.of(alpha, 5, 5)]
    short = down if width > height else across
    head = _head(brightness, *colours, opaque=opaque, short=short, landscape=width > height)
    if veil:
        head += bytes([_round(15 * veil[0].mean) | _round(15 * veil[0].scale) << 4])
    nibbles = [level for waves in (brightness, *colours, *veil) for level in waves.levels()]
    return base64.b64encode(head + _packed(nibbles)).decode("ascii")


@dataclass(frozen=True)
class _Waves:
    """A channel's mean, and how strong each wave is in it."""

    mean: float
    strengths: list[float]
    scale: float

    @classmethod
    def of(cls, channel: Channel, across: int, down: int) -> _Waves:
        height, width = len(channel), len(channel[0])
        by_row = [[_dot(row, wave) for row in channel] for wave in _cosines(width, across)]
        falls = _cosines(height, down)
        mean, *strengths = [
            _dot(by_row[x], falls[y]) / (width * height) for x, y in _kept(across, down)
        ]
        return cls(mean, strengths, max(map(abs, strengths)))

    def levels(self) -> Iterator[int]:
        """From 0 to 15, of which the middle is no wave."""
        for strength in self.strengths:
            yield _round(15 * (0.5 + 0.5 / self.scale * strength)) if self.scale else 0


def _kept(across: int, down: int) -> Iterator[tuple[int, int]]:
    """The slow waves: the triangle below the diagonal, the mean first."""
    for y in range(down):
        for x in range(across):
            if x * down < across * (down - y):
                yield x, y


def _channels(
    width: int, height: int, rgba: bytes
) -> tuple[Channel, Channel, Channel, Channel, bool]:
    alpha = [value / 255 for value in rgba[3::4]]
    total = sum(alpha)
    reds, greens, blues = (
        _over_mean([value / 255 for value in rgba[at::4]], alpha, total) for at in range(3)
    )
    pixels = list(zip(reds, greens, blues, strict=True))
    channels = (
        [(r + g + b) / 3 for r, g, b in pixels],
        [(r + g) / 2 - b for r, g, b in pixels],
        [r - g for r, g, _ in pixels],
        alpha,
    )
    light, yellow, red, veil = (
        [each[at : at + width] for at in range(0, width * height, width)] for each in channels
    )
    return light, yellow, red, veil, min(rgba[3::4]) == 255


def _over_mean(values: list[float], alpha: list[float], total: float) -> list[float]:
    """What is transparent counts as the mean of what is not: its hidden colour must not show."""
    mean = _dot(values, alpha) / total if total else 0.0
    return [mean * (1 - veil) + value * veil for value, veil in zip(values, alpha, strict=True)]


def _waves(width: int, height: int, most: int) -> tuple[int, int]:
    longest = max(width, height)
    return max(1, _round(most * width / longest)), max(1, _round(most * height / longest))


def _head(
    light: _Waves, yellow: _Waves, red: _Waves, *, opaque: bool, short: int, landscape: bool
) -> bytes:
    first = (
        _round(63 * light.mean)
        | _round(31.5 + 31.5 * yellow.mean) << 6
        | _round(31.5 + 31.5 * red.mean) << 12
        | _round(31 * light.scale) << 18
        | (not opaque) << 23
    )
    second = short | _round(63 * yellow.scale) << 3 | _round(63 * red.scale) << 9 | landscape << 15
    return first.to_bytes(3, "little") + second.to_bytes(2, "little")


def _packed(nibbles: list[int]) -> bytes:
    padded = [*nibbles, 0]
    return bytes(padded[at] | padded[at + 1] << 4 for at in range(0, len(nibbles), 2))


@lru_cache(maxsize=256)
def _cosines(length: int, count: int) -> list[list[float]]:
    return [[cos(pi / length * n * (x + 0.5)) for x in range(length)] for n in range(count)]


def _dot(values: Sequence[float], weights: Sequence[float]) -> float:
    total: float = sum(map(mul, values, weights))
    return total


def _round(value: float) -> int:
    """Half up, as the format's first implementation has it."""
    return floor(value + 0.5)


# --- back to pixels ----------------------------------------------------------------------------


def pixels(encoded: str, most: int) -> tuple[int, int, bytes]:
    """Width, height and RGBA of what a hash stands for, ``most`` pixels on its longer side.

    Raises ValueError for what is no hash.
    """
    code = base64.b64decode(encoded, validate=True)
    if len(code) < 6:
        raise ValueError("not a ThumbHash")
    return _Decoded(code).drawn(most)


class _Decoded:
    def __init__(self, code: bytes) -> None:
        first, second = int.from_bytes(code[:3], "little"), int.from_bytes(code[3:5], "little")
        self.veiled = bool(first >> 23)
        most, short = (5 if self.veiled else 7), max(1, second & 7)
        self.across, self.down = (most, short) if second >> 15 else (short, most)
        self._levels = self._unpacked(code[6 if self.veiled else 5 :])
        light = (first & 63) / 63
        yellow, red = ((first >> at & 63) / 31.5 - 1 for at in (6, 12))
        self.light = self._waves(
            light, (first >> 18 & 31) / 31, max(3, self.across), max(3, self.down)
        )
        # Colours lose in strength by being told so coarsely; some of it is given back.
        self.yellow = self._waves(yellow, (second >> 3 & 63) / 63 * 1.25, 3, 3)
        self.red = self._waves(red, (second >> 9 & 63) / 63 * 1.25, 3, 3)
        self.alpha = (
            self._waves((code[5] & 15) / 15, (code[5] >> 4) / 15, 5, 5)
            if self.veiled
            else {(0, 0): 1.0}
        )

    @staticmethod
    def _unpacked(packed: bytes) -> Iterator[int]:
        for byte in packed:
            yield from (byte & 15, byte >> 4)

    def _waves(
        self, mean: float, scale: float, across: int, down: int
    ) -> dict[tuple[int, int], float]:
        kept = list(_kept(across, down))[1:]
        # Each wave but the mean was halved by what it was summed over. Bits that miss are no wave.
        strengths = {at: 2 * (next(self._levels, 7.5) / 7.5 - 1) * scale for at in kept}
        return {(0, 0): mean, **strengths}

    def drawn(self, most: int) -> tuple[int, int, bytes]:
        longest = max(self.across, self.down)
        width, height = (max(1, _round(most * side / longest)) for side in (self.across, self.down))
        across, down = _cosines(width, 7), _cosines(height, 7)
        drawn = bytearray()
        for y in range(height):
            for x in range(width):
                light, yellow, red, alpha = (
                    sum(strength * across[n][x] * down[m][y] for (n, m), strength in waves.items())
                    for waves in (self.light, self.yellow, self.red, self.alpha)
                )
                blue = light - 2 / 3 * yellow
                crimson = (3 * light - blue + red) / 2
                drawn += bytes(map(_byte, (crimson, crimson - red, blue, alpha)))
        return width, height, bytes(drawn)


def _byte(value: float) -> int:
    return max(0, min(255, _round(255 * value)))
