"""Frames of a video, found by seeking: what one costs is bounded, however long the film (W3.14)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rindle_django.errors import ContentRefused
from rindle_django.media.av import ffmpeg
from rindle_django.media.av.failures import failure
from rindle_django.media.av.filters import FIRST_VIDEO, chained, picture
from rindle_django.media.av.guest import Ended
from rindle_django.media.av.work import Work

# So many frames are decoded at most on the way from a key frame to where we want to be; then what
# comes is taken. A recording may have one key frame in all.
FARTHEST = 250
_REACHED = f"select='gte(t,0)+gte(n,{FARTHEST})'"

Size = tuple[int, int]


def seen_size(work: Work) -> Size:
    """Width and height as they are seen. Raises ContentRefused("video_missing")."""
    width, height = work.facts.width, work.facts.height
    if not work.facts.has_video or not width or not height:
        raise ContentRefused("video_missing")
    return width, height


@dataclass
class Film:
    """The pictures of a piece of work's source."""

    work: Work
    _begun: float = field(default_factory=time.monotonic, init=False)
    _refusal: ContentRefused | None = field(default=None, init=False)

    def seconds(self) -> float:
        """How long it lasts: as the file says, or else its packets."""
        return self.work.seconds or self._measured()

    def frames(
        self, at: float, size: Size, *, most: int = 1, skip: int = 0, rate: float | None = None
    ) -> list[bytes]:
        """The pixels (RGB) of up to ``most`` frames from ``at`` seconds on, scaled to ``size``.

        ``rate`` is how many of a second, None takes each. There are fewer, or none, near the end
        and where the file is damaged.
        """
        pace = f"fps={rate}" if rate else ""
        skipped = f"select='gte(n,{skip})'" if skip else ""
        looks = picture(self.work.facts, size, pixels="rgb24")
        return self._raw(at, chained(_REACHED, skipped, pace, looks), most, size[0] * size[1] * 3)

    def glimpses(self, at: float, size: Size, most: int) -> list[bytes]:
        """Like ``frames``, each, but only how bright: what is needed to choose among them."""
        looks = f"scale={size[0]}:{size[1]}:flags=area,format=gray"
        return self._raw(at, chained(_REACHED, looks), most, size[0] * size[1])

    def nothing(self) -> ContentRefused:
        """Why there is no frame to be had anywhere."""
        detail = "no picture could be decoded"
        return self._refusal or ContentRefused("output_mismatch", detail=detail)

    def _raw(self, at: float, chain: str, most: int, length: int) -> list[bytes]:
        self._check_time()
        received = bytearray()
        try:
            self.work.run(
                (
                    *("-map", FIRST_VIDEO, "-vf", chain, "-fps_mode", "passthrough"),
                    *("-frames:v", str(most), "-f", "rawvideo", "pipe:1"),
                ),
                before=("-noaccurate_seek", "-ss", f"{max(0.0, at):.3f}"),
                percents=None,
                on_output=received.extend,
            )
        except ContentRefused as refusal:
            # One damaged place does not spoil the others; what took too long would do so again.
            if refusal.code != "transcode_failed":
                raise
            self._refusal = refusal
            return []
        return list(_pieces(bytes(received), length))

    def _check_time(self) -> None:
        """All frames together have the time of one output."""
        if time.monotonic() - self._begun > self.work.bounds.wall_seconds:
            spent = Ended(0, sum(self.work.spent), timed_out=True, last_words="")
            raise failure(spent, self.work.bounds, self.work.source, self.work.folder)

    def _measured(self) -> float:
        heard = [0.0]
        ffmpeg.run(
            ("-map", FIRST_VIDEO, "-c", "copy", "-f", "null", "-"),
            source=self.work.source,
            mime=self.work.mime,
            folder=self.work.folder,
            bounds=self.work.bounds,
            on_progress=heard.append,
        )
        return heard[-1]


def _pieces(content: bytes, length: int) -> Iterator[bytes]:
    for start in range(0, len(content) - length + 1, length):
        yield content[start : start + length]
