"""How long a file really is. Runs in the decoder.

What it says of its length is a hint: it is compared with where its last packets are, and where
nothing is said, or too much, all packets are counted. Nothing is decoded for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from rindle_django.errors import ContentRefused
from rindle_django.media.av.sampling import packets

_TAIL = 3.0  # seconds before the stated end, from where on packets are looked at
_SLACK, _SHARE = 0.25, 0.02  # of seconds and of the length: what may be off
_LOST, _LOST_SHARE = 0.5, 0.05  # from here on a file is not damaged but cut


@dataclass(frozen=True)
class Walk:
    """One open file, the streams that are played, and how far to go. ``reopen`` starts afresh."""

    container: InputContainer
    streams: list[Stream]
    most: float
    deadline: float
    reopen: Callable[[], InputContainer]


class _Late(Exception):
    """There was no time to find out."""


def length_of(walk: Walk, *, claims_are_kept: bool) -> float | None:
    """Seconds from the first to the last moment; None if that cannot be known in time.

    ``claims_are_kept`` says of a container that what it states is what it has, packet by packet: if
    much of that is not there, the file was cut. Raises ContentRefused("media_truncated").
    """
    claimed = _claimed(walk)
    try:
        if claimed is not None and claimed <= walk.most and _near(_tail(walk, claimed), claimed):
            return claimed
        measured = _whole(walk)
    except _Late:
        return claimed
    lost = (claimed or 0.0) - (measured or 0.0)
    if claims_are_kept and claimed and lost > max(_LOST, _LOST_SHARE * claimed):
        raise ContentRefused("media_truncated")
    return measured


def _claimed(walk: Walk) -> float | None:
    said = [
        float(each.duration * each.time_base)
        for each in walk.streams
        if each.duration is not None and each.time_base is not None
    ]
    if said:
        return max(said) if max(said) > 0 else None
    whole = walk.container.duration
    return whole / av.time_base if whole is not None and whole > 0 else None


def _near(found: float | None, claimed: float) -> bool:
    return found is not None and abs(found - claimed) <= max(_SLACK, _SHARE * claimed)


def _tail(walk: Walk, claimed: float) -> float | None:
    """Where the last packets end, seen from the first moment."""
    start = (walk.container.start_time or 0) / av.time_base
    try:
        walk.container.seek(int((start + max(0.0, claimed - _TAIL)) * av.time_base))
    except av.FFmpegError:
        return None
    ends = [end for _, end in _spans(packets(walk.container, walk.streams), walk.deadline)]
    return max(ends) - start if ends else None


def _whole(walk: Walk) -> float | None:
    """From the first packet's begin to the last one's end; past the limit it does not matter."""
    first, last = None, None
    with walk.reopen() as container:
        streams = [container.streams[each.index] for each in walk.streams]
        for begin, end in _spans(packets(container, streams), walk.deadline):
            first = begin if first is None else min(first, begin)
            last = end if last is None else max(last, end)
            if last - first > walk.most:
                break
    return last - first if first is not None and last is not None else None


def _spans(found: Iterable[Packet[Any]], deadline: float) -> Iterable[tuple[float, float]]:
    """Begin and end of each packet in seconds. Raises _Late."""
    for packet in found:
        if time.monotonic() > deadline:
            raise _Late
        if packet.pts is not None and packet.time_base is not None:
            begin = float(packet.pts * packet.time_base)
            yield begin, begin + float((packet.duration or 0) * packet.time_base)
