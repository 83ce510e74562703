"""What was found out about an audio or video file. Durations in a file are hints, never budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal, Self

AVKind = Literal["audio", "video"]


@dataclass(frozen=True, kw_only=True)
class MediaFacts:
    """By its real streams: a cover picture is no video. Width and height are those that are seen,
    after rotation and with square pixels."""

    kind: AVKind
    duration_ms: int | None = None
    width: int | None = None
    height: int | None = None
    rotation: int = 0
    frame_rate: float | None = None
    variable_frame_rate: bool = False
    has_video: bool = False
    has_audio: bool = False
    video_codec: str = ""
    audio_codec: str = ""
    pixel_format: str = ""
    hdr: bool = False
    sample_rate: int | None = None
    channels: int | None = None
    bit_rate: int | None = None
    tracks: int = 0

    # What has columns of its own on an asset; the rest is its ``media_info``.
    COLUMNS: ClassVar[tuple[str, ...]] = (
        "kind",
        "duration_ms",
        "width",
        "height",
        "has_video",
        "has_audio",
    )

    def columns(self) -> dict[str, Any]:
        """The fields of an asset that these facts fill."""
        known = asdict(self)
        columns = {name: known.pop(name) for name in self.COLUMNS}
        return columns | {"media_info": known}

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any]) -> Self:
        """The facts as ``columns`` gave them; what is missing has its default."""
        known = {**columns.get("media_info", {}), **{n: columns.get(n) for n in cls.COLUMNS}}
        names = {each.name for each in fields(cls)}
        return cls(**{n: value for n, value in known.items() if n in names and value is not None})
