"""What is in an audio or video file, by PyAV, which is loaded in the confined decoder alone.

The demuxer is the one of the sniffed type, whatever else the content looks like. It reads an open
file and can open no other: there is no protocol that a playlist could name (S11, W3.12).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import av
from av import library_versions
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from rindle_django.errors import ContentRefused, RindleError, TransientFailure
from rindle_django.media.av.boxes import lacks_index
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.length import Walk, length_of
from rindle_django.media.av.limits import MediaLimits, check_duration, check_frame, check_tracks
from rindle_django.media.av.sampling import Sample, take_sample
from rindle_django.media.types import MEDIA_TYPES

# Whatever is amiss shows in what can be read; complaints are no verdict (W3.5).
av.logging.set_level(None)

# PQ and HLG: the transfer curves of high dynamic range.
_HDR_TRANSFERS = frozenset({16, 18})
_PROBED = str(10_000_000)  # bytes, and microseconds


def look_into(path: Path, mime: str, limits: MediaLimits) -> MediaFacts:
    """The facts of one file. Raises whatever PyAV likes; ``verdict`` says what it means."""
    # Answered before the parent's patience ends, also where the rest has to stay unknown.
    deadline = time.monotonic() + limits.wall_seconds / 2
    with path.open("rb") as file, _opened(file, mime, limits) as container:
        check_tracks(len(container.streams), limits)
        tracks = _tracks(container, limits)
        sample = take_sample(container, tracks.video, tracks.audio, deadline)
        tracks = _played(tracks, sample)
        walk = Walk(
            container,
            tracks.all,
            limits.max_duration,
            deadline,
            lambda: _opened(file, mime, limits),
        )
        seconds = length_of(walk, claims_are_kept=MEDIA_TYPES[mime].loader == "mov")
        if seconds is not None:
            check_duration(seconds, limits)
        facts = _facts(tracks, sample, seconds, path.stat().st_size, len(container.streams))
    if facts.width and facts.height:
        check_frame(facts.width, facts.height, limits)
    return facts


def versions() -> Mapping[str, str]:
    """PyAV's version and those of the libraries it has brought along."""
    libraries = {name: library_versions[name] for name in ("libavformat", "libavcodec")}
    return {"PyAV": av.__version__} | {
        name: ".".join(map(str, version)) for name, version in libraries.items()
    }


def verdict(error: Exception, path: Path, limits: MediaLimits) -> RindleError:
    """The typed error for what was raised while ``path`` was looked into.

    PyAV's own errors speak of the file, also those that look like the system's.
    """
    if isinstance(error, RindleError):
        return error
    if isinstance(error, MemoryError):
        return ContentRefused("decoder_memory", limit=limits.memory_bytes)
    if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
        return TransientFailure("decoder_unavailable", detail=error.strerror or "it cannot be read")
    if isinstance(error, av.FFmpegError) and lacks_index(path):
        return ContentRefused("media_truncated")
    detail = getattr(error, "strerror", None) or type(error).__name__
    return ContentRefused("media_unreadable", detail=str(detail)[:200])


# --- opening -----------------------------------------------------------------------------------


def _opened(file: IO[bytes], mime: str, limits: MediaLimits) -> InputContainer:
    file.seek(0)
    demuxer = MEDIA_TYPES[mime].loader
    assert demuxer is not None
    container = av.open(
        file,
        "r",
        format=demuxer,
        container_options={
            "format_whitelist": demuxer,
            "protocol_whitelist": "none",
            "probesize": _PROBED,
            "analyzeduration": _PROBED,
            # One more than allowed is enough to be refused for.
            "max_streams": str(limits.max_tracks + 1),
        },
        options={"max_pixels": str(limits.max_pixels), "threads": "1"},
        io_open=_refuse,
    )
    assert isinstance(container, InputContainer)
    return container


def _refuse(*_: object) -> Any:
    raise ContentRefused("media_unreadable", detail="it refers to other files")


# --- tracks ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Tracks:
    """The pictures and the sound that are played: the first of each, as FFmpeg takes them."""

    video: VideoStream | None
    audio: AudioStream | None

    @property
    def all(self) -> list[Stream]:
        return [each for each in (self.video, self.audio) if each is not None]


def _tracks(container: InputContainer, limits: MediaLimits) -> _Tracks:
    videos = [each for each in container.streams.video if not _is_cover(each)]
    audios = list(container.streams.audio)
    if not videos and not audios:
        raise ContentRefused("nothing_to_play")
    video, audio = next(iter(videos), None), next(iter(audios), None)
    if video is not None:
        if not _has_decoder(video):
            raise ContentRefused("media_unreadable", detail="its pictures are of no known codec")
        check_frame(video.codec_context.width, video.codec_context.height, limits)
    if audio is not None and not _has_decoder(audio):
        audio = None
    if video is None and audio is None:
        raise ContentRefused("media_unreadable", detail="its sound is of no known codec")
    return _Tracks(video, audio)


def _is_cover(stream: VideoStream) -> bool:
    """A picture that was attached, such as a podcast's, is no video (W3.10)."""
    return bool(stream.disposition & Disposition.attached_pic)


def _has_decoder(stream: Stream) -> bool:
    return stream.codec_context is not None


def _played(tracks: _Tracks, sample: Sample) -> _Tracks:
    """The tracks of which something can be seen or heard. Raises ContentRefused if none can."""
    video = tracks.video if sample.frame is not None else None
    audio = tracks.audio if sample.heard or not sample.whole else None
    if tracks.video is not None and video is None and sample.video_packets:
        raise ContentRefused("media_unreadable", detail="its pictures cannot be decoded")
    if video is None and not sample.heard:
        if sample.audio_packets:
            raise ContentRefused("media_unreadable", detail="its sound cannot be decoded")
        raise ContentRefused("nothing_to_play")
    return _Tracks(video, audio)


# --- facts -------------------------------------------------------------------------------------


def _facts(
    tracks: _Tracks, sample: Sample, seconds: float | None, size: int, count: int
) -> MediaFacts:
    known: dict[str, Any] = {}
    if tracks.video is not None:
        known |= _seen(tracks.video, sample)
    if tracks.audio is not None:
        known |= _heard(tracks.audio)
    return MediaFacts(
        kind="video" if tracks.video is not None else "audio",
        duration_ms=round(seconds * 1000) or None if seconds is not None else None,
        bit_rate=round(size * 8 / seconds) if seconds else None,
        tracks=count,
        **known,
    )


def _seen(stream: VideoStream, sample: Sample) -> dict[str, Any]:
    frame, context = sample.frame, stream.codec_context
    assert frame is not None
    rotation = round(-frame.rotation) % 360
    width, height = _square(frame.width, frame.height, stream)
    if rotation % 180 == 90:
        width, height = height, width
    transfers = {int(frame.color_trc or 0), int(context.color_trc or 0)}
    return {
        "has_video": True,
        "width": width,
        "height": height,
        "rotation": rotation,
        "frame_rate": sample.frame_rate(stream),
        "variable_frame_rate": sample.is_uneven(),
        "video_codec": _codec(stream),
        "pixel_format": frame.format.name,
        "hdr": not transfers.isdisjoint(_HDR_TRANSFERS),
    }


def _square(width: int, height: int, stream: VideoStream) -> tuple[int, int]:
    """The size with square pixels, which is how it is shown."""
    ratio = stream.sample_aspect_ratio
    if not ratio or not 0.1 < ratio < 10:
        return width, height
    return max(1, round(width * ratio)), height


def _heard(stream: AudioStream) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "has_audio": True,
        "audio_codec": _codec(stream),
        "sample_rate": context.sample_rate or None,
        "channels": context.layout.nb_channels or None,
    }


def _codec(stream: VideoStream | AudioStream) -> str:
    return stream.codec_context.codec.canonical_name
