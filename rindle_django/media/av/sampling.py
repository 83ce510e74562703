"""The first moments of a file: enough to know that it plays, and how. Runs in the decoder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

# So many frames tell whether they come evenly.
ENOUGH = 120
# Frames are stored out of order: the last of a sample may lack those between them.
_REORDERED = 16
_MOST_BYTES = 64 << 20
_HIGHEST_RATE = 480


@dataclass
class Sample:
    """``frame`` is the first one that could be decoded, ``heard`` whether some sound could.
    ``times`` are those of the first frames in seconds; ``whole`` says that the file ended first."""

    tick: float = 0.0
    frame: VideoFrame | None = None
    heard: bool = False
    times: list[float] = field(default_factory=list)
    video_packets: int = 0
    audio_packets: int = 0
    whole: bool = False

    def frame_rate(self, stream: VideoStream) -> float | None:
        """As stated, if that can be; else as it was seen to be."""
        stated = stream.average_rate if self.is_uneven() else stream.guessed_rate
        if stated and 0 < stated <= _HIGHEST_RATE and not self._is_impossible(float(stated)):
            return round(float(stated), 3)
        measured = self._measured()
        return round(measured, 3) if measured else None

    def is_uneven(self) -> bool:
        """Whether some frames are shown for longer than others; a single one may be lost."""
        steps = sorted(self._steps())
        if not steps:
            return False
        usual = steps[len(steps) // 2]
        # Times are rounded to ticks of the container's clock.
        off = max(2.5 * self.tick, usual / 10)
        odd = sum(abs(step - usual) > off for step in steps)
        return odd > max(1, len(steps) / 50)

    def _measured(self) -> float | None:
        steps = self._steps()
        return len(steps) / sum(steps) if steps else None

    def _is_impossible(self, stated: float) -> bool:
        """Recorders that do not know write the rate of their clock, such as a thousand."""
        measured = self._measured()
        return measured is not None and stated > 4 * measured

    def _steps(self) -> list[float]:
        times = sorted(set(self.times))
        known = times if self.whole else times[:-_REORDERED]
        return [after - before for before, after in pairwise(known)]


def take_sample(
    container: InputContainer,
    video: VideoStream | None,
    audio: AudioStream | None,
    deadline: float,
) -> Sample:
    """Read and decode from the beginning until enough is known."""
    sample = Sample(tick=float(video.time_base or 0) if video is not None else 0.0)
    streams = [each for each in (video, audio) if each is not None]
    read = 0
    for packet in packets(container, streams):
        if packet.stream is video:
            _see(packet, sample)
        else:
            _hear(packet, sample)
        read += packet.size
        seen = video is None or (sample.frame is not None and len(sample.times) >= ENOUGH)
        if seen and (audio is None or sample.heard):
            return sample
        if read > _MOST_BYTES or time.monotonic() > deadline:
            return sample
    sample.whole = True
    return sample


def packets(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet[Any]]:
    """What is left of these streams, up to the end or to where the file cannot be read on."""
    try:
        yield from container.demux(*streams)
    except MemoryError:
        raise
    except av.FFmpegError:
        return


def _see(packet: Packet[Any], sample: Sample) -> None:
    sample.video_packets += packet.size > 0
    if packet.pts is not None and packet.time_base is not None:
        sample.times.append(float(packet.pts * packet.time_base))
    if sample.frame is None:
        sample.frame = next((each for each in _decoded(packet) if each.width), None)


def _hear(packet: Packet[Any], sample: Sample) -> None:
    sample.audio_packets += packet.size > 0
    if not sample.heard:
        sample.heard = bool(_decoded(packet))


def _decoded(packet: Packet[Any]) -> list[Any]:
    """What the packet holds; nothing of what is damaged, as the next ones may not be."""
    try:
        return list(packet.decode())
    except MemoryError:
        raise
    except av.FFmpegError:
        return []
