"""What an independent program says of a file: MediaInfo, which shares no code with FFmpeg."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pymediainfo import MediaInfo


class Judged:
    def __init__(self, path: Path) -> None:
        tracks = MediaInfo.parse(path).tracks
        self.general: dict[str, Any] = next(
            t for t in tracks if t.track_type == "General"
        ).to_data()
        self.videos = [t.to_data() for t in tracks if t.track_type == "Video"]
        self.sounds = [t.to_data() for t in tracks if t.track_type == "Audio"]
        self.others = [t.track_type for t in tracks if t.track_type not in _PLAYED]

    @property
    def video(self) -> dict[str, Any]:
        (only,) = self.videos
        return only

    @property
    def sound(self) -> dict[str, Any]:
        (only,) = self.sounds
        return only

    @property
    def size(self) -> tuple[int, int]:
        return self.video["width"], self.video["height"]


_PLAYED = ("General", "Video", "Audio")


def judge(path: Path) -> Judged:
    return Judged(path)
