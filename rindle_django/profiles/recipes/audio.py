"""Sound: files to listen to, and pictures of how loud they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from rindle_django.profiles.recipes.base import Recipe, choice_problem, range_problem

AudioFormat = Literal["m4a", "mp3", "opus"]
WaveformFormat = Literal["json", "png", "svg"]

_AUDIO_TYPES: Mapping[str, str] = {"m4a": "audio/mp4", "mp3": "audio/mpeg", "opus": "audio/ogg"}
_WAVEFORM_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
}
_HEARD = frozenset({"audio", "video"})


@dataclass(frozen=True, kw_only=True)
class AudioRecipe(Recipe):
    """The sound of an audio file or a video: AAC in M4A, MP3, or Opus in Ogg.

    ``bitrate`` is in kbit/s; ``channels`` None keeps what the source has, up to two. ``loudness``
    in LUFS, with ``true_peak`` in dBTP, normalises by EBU R128: in one pass, which adapts as it
    goes, or in two, which measure first and then change the level alone.
    """

    kind: ClassVar[str] = "audio"
    sources: ClassVar[frozenset[str]] = _HEARD
    needs_audio: ClassVar[bool] = True

    format: AudioFormat = "m4a"
    bitrate: int = 128
    channels: int | None = None
    loudness: float | None = None
    true_peak: float = -1.5
    passes: int = 1

    @property
    def content_type(self) -> str:
        return _AUDIO_TYPES[self.format]

    def problems(self) -> Iterator[str]:
        yield from choice_problem("format", self.format, get_args(AudioFormat))
        yield from range_problem("bitrate", self.bitrate, 16, 512)
        yield from choice_problem("channels", self.channels, (1, 2, None))
        yield from choice_problem("passes", self.passes, (1, 2))
        yield from range_problem("true_peak", self.true_peak, -9, 0, whole=False)
        if self.loudness is not None:
            yield from range_problem("loudness", self.loudness, -70, -5, whole=False)
        elif self.passes == 2:
            yield "two passes need a loudness to reach"


@dataclass(frozen=True, kw_only=True)
class WaveformRecipe(Recipe):
    """How loud an audio file or a video is along its length.

    JSON holds ``points`` pairs of least and greatest sample, from -1 to 1; PNG and SVG draw as many
    bars, ``width`` by ``height`` pixels in ``color`` on nothing.
    """

    kind: ClassVar[str] = "waveform"
    sources: ClassVar[frozenset[str]] = _HEARD
    needs_audio: ClassVar[bool] = True

    format: WaveformFormat = "json"
    points: int = 1000
    width: int = 1000
    height: int = 120
    color: str = "#334155"

    @property
    def content_type(self) -> str:
        return _WAVEFORM_TYPES[self.format]

    def problems(self) -> Iterator[str]:
        yield from choice_problem("format", self.format, get_args(WaveformFormat))
        yield from range_problem("points", self.points, 10, 10_000)
        yield from range_problem("width", self.width, 10, 10_000)
        yield from range_problem("height", self.height, 10, 2_000)
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.color):
            yield f"color must look like '#334155', not {self.color!r}"
