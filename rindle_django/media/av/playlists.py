"""The playlists of HLS (RFC 8216): FFmpeg's own are read and checked, the master is ours.

They name the other files by their bare names, so that they work wherever all are in one folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rindle_django.errors import ContentRefused

_SEGMENT = re.compile(
    r"^#EXTINF:(?P<seconds>[0-9.]+),[^\n]*\n"
    r"#EXT-X-BYTERANGE:(?P<length>\d+)@(?P<start>\d+)\n"
    r"(?P<name>[^#\n]+)$",
    re.MULTILINE,
)
_HEADER = re.compile(r'^#EXT-X-MAP:URI="(?P<name>[^"]+)",BYTERANGE="\d+@\d+"$', re.MULTILINE)

_TARGET = re.compile(r"^(#EXT-X-TARGETDURATION:)(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Segment:
    seconds: float
    length: int
    start: int

    @property
    def bit_rate(self) -> float:
        return self.length * 8 / max(self.seconds, 0.001)


@dataclass(frozen=True)
class Rendition:
    """One line of a master playlist. ``bandwidth`` is that of the heaviest segment, in bit/s."""

    playlist: str
    width: int
    height: int
    frame_rate: float | None
    codecs: str
    bandwidth: int
    average_bandwidth: int


def segments(text: str, media: Path) -> list[Segment]:
    """The segments of a media playlist. Raises ContentRefused("output_mismatch") unless they lie
    one behind the other in ``media``, up to its end."""
    found = [
        (match["name"], Segment(float(match["seconds"]), int(match["length"]), int(match["start"])))
        for match in _SEGMENT.finditer(text)
    ]
    header = _HEADER.search(text)
    names = {name for name, _ in found} | ({header["name"]} if header else set())
    if not found or not header or len(found) != text.count("#EXTINF") or names != {media.name}:
        raise ContentRefused("output_mismatch", detail="a playlist of other files")
    end = found[0][1].start
    for _, segment in found:
        if segment.start != end:
            raise ContentRefused("output_mismatch", detail="segments that overlap or leave gaps")
        end += segment.length
    if end != media.stat().st_size:
        raise ContentRefused("output_mismatch", detail="segments of more or less than their file")
    return [segment for _, segment in found]


def lengthened(text: str, seconds: float) -> str:
    """A media playlist whose last segment lasts so much longer: FFmpeg counts pictures alone, and
    the sound may go on."""
    last = list(_SEGMENT.finditer(text))[-1]
    total = float(last["seconds"]) + seconds
    text = text[: last.start("seconds")] + f"{total:.6f}" + text[last.end("seconds") :]
    return _TARGET.sub(lambda match: f"{match[1]}{max(int(match[2]), round(total))}", text, count=1)


def bandwidths(parts: Sequence[Segment]) -> tuple[int, int]:
    """Bits per second of the heaviest segment, and on average. A last one that is very short says
    little of what a connection has to bear."""
    longest = max(each.seconds for each in parts)
    peak = max(each.bit_rate for each in parts if each.seconds >= longest / 2)
    average = sum(each.length for each in parts) * 8 / sum(each.seconds for each in parts)
    return round(max(peak, average)), round(average)


def master(renditions: Sequence[Rendition]) -> str:
    """From heavy to light, but first the one in the middle: players begin with the first."""
    ordered = sorted(renditions, key=lambda each: each.bandwidth, reverse=True)
    ordered.insert(0, ordered.pop(len(ordered) // 2))
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for each in ordered:
        lines += [f"#EXT-X-STREAM-INF:{','.join(_attributes(each))}", each.playlist]
    return "\n".join(lines) + "\n"


def _attributes(rendition: Rendition) -> list[str]:
    attributes = [
        f"BANDWIDTH={rendition.bandwidth}",
        f"AVERAGE-BANDWIDTH={rendition.average_bandwidth}",
        f"RESOLUTION={rendition.width}x{rendition.height}",
        f'CODECS="{rendition.codecs}"',
    ]
    if rendition.frame_rate:
        attributes.append(f"FRAME-RATE={rendition.frame_rate:.3f}")
    return attributes
