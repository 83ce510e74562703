"""Moving pictures: files that play as they are, and ladders that players choose from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from rindle_django.profiles.recipes.base import Recipe, choice_problem, range_problem

VideoCodec = Literal["h264", "vp9", "av1"]
Effort = Literal["fast", "medium", "slow"]

DEFAULT_CRF: Mapping[str, int] = {"h264": 23, "vp9": 32, "av1": 35}
_MOST_CRF: Mapping[str, int] = {"h264": 51, "vp9": 63, "av1": 63}
_LEAST_SIDE, _MOST_SIDE = 144, 2160


@dataclass(frozen=True, kw_only=True)
class VideoRecipe(Recipe):
    """A video that browsers play: H.264 and AAC in MP4, or VP9 or AV1 and Opus in WebM.

    ``resolution`` is the most that the shorter side may have, in pixels ("720p"): portrait stays
    portrait, and nothing is enlarged. ``crf`` is the encoder's constant quality, where less is
    better; ``max_bitrate`` and ``audio_bitrate`` are in kbit/s; ``max_frame_rate`` in frames per
    second. A silent source makes a silent video, and so does ``audio=False``.
    """

    kind: ClassVar[str] = "video"
    sources: ClassVar[frozenset[str]] = frozenset({"video"})

    resolution: int = 720
    codec: VideoCodec = "h264"
    crf: int | None = None
    max_bitrate: int | None = None
    max_frame_rate: float = 60.0
    effort: Effort = "medium"
    audio: bool = True
    audio_bitrate: int = 128

    @property
    def content_type(self) -> str:
        return "video/mp4" if self.codec == "h264" else "video/webm"

    @property
    def effective_crf(self) -> int:
        return self.crf if self.crf is not None else DEFAULT_CRF[self.codec]

    def effective(self) -> dict[str, Any]:
        return {"crf": self.effective_crf}

    def problems(self) -> Iterator[str]:
        yield from choice_problem("codec", self.codec, get_args(VideoCodec))
        yield from choice_problem("effort", self.effort, get_args(Effort))
        yield from range_problem("resolution", self.resolution, _LEAST_SIDE, _MOST_SIDE)
        if self.crf is not None:
            yield from range_problem("crf", self.crf, 0, _MOST_CRF.get(self.codec, 63))
        if self.max_bitrate is not None:
            yield from range_problem("max_bitrate", self.max_bitrate, 50, 100_000)
        yield from range_problem("max_frame_rate", self.max_frame_rate, 1, 120, whole=False)
        yield from range_problem("audio_bitrate", self.audio_bitrate, 16, 512)


@dataclass(frozen=True, kw_only=True)
class HLSRecipe(Recipe):
    """An adaptive stream: HLS with fragmented MP4, one file of each rendition.

    ``resolutions`` are those of ``VideoRecipe``; what is larger than the source is left out, but
    for the smallest. ``segment_seconds`` is how often a player may switch.
    """

    kind: ClassVar[str] = "hls"
    sources: ClassVar[frozenset[str]] = frozenset({"video"})

    resolutions: tuple[int, ...] = (1080, 720, 480)
    crf: int = 23
    effort: Effort = "medium"
    max_frame_rate: float = 60.0
    segment_seconds: int = 6
    audio_bitrate: int = 128

    @property
    def content_type(self) -> str:
        return "application/vnd.apple.mpegurl"

    def effective(self) -> dict[str, Any]:
        return {"resolutions": sorted(self.resolutions, reverse=True)}

    def problems(self) -> Iterator[str]:
        if not 1 <= len(self.resolutions) <= 4 or len(set(self.resolutions)) < len(
            self.resolutions
        ):
            yield "resolutions must be one to four different ones"
        for resolution in self.resolutions:
            yield from range_problem("resolutions", resolution, _LEAST_SIDE, _MOST_SIDE)
        yield from choice_problem("effort", self.effort, get_args(Effort))
        yield from range_problem("crf", self.crf, 0, _MOST_CRF["h264"])
        yield from range_problem("max_frame_rate", self.max_frame_rate, 1, 120, whole=False)
        yield from range_problem("segment_seconds", self.segment_seconds, 1, 20)
        yield from range_problem("audio_bitrate", self.audio_bitrate, 16, 512)
