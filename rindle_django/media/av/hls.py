"""Adaptive streams: HLS, with one fragmented MP4 and one playlist for each rendition.

All renditions come out of one pass, cut at the same times, so that players may change over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rindle_django.media.av import playlists
from rindle_django.media.av.codecs import codecs_of
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.ffmpeg import to
from rindle_django.media.av.filters import (
    FIRST_AUDIO,
    FIRST_VIDEO,
    IN_STEP,
    STRIPPED,
    audio_arguments,
    chained,
    fitted,
    frame_rate,
    picture,
    rate_filter,
)
from rindle_django.media.av.frames import Size, seen_size
from rindle_django.media.av.outputs import check_duration, verified
from rindle_django.media.av.playlists import Rendition, Segment
from rindle_django.media.av.work import Work
from rindle_django.media.rendering import Part, Rendered
from rindle_django.profiles.recipes import HLSRecipe

# The most kbit/s for pictures of up to so many lines, where quality alone would ask for more.
CEILINGS = ((240, 600), (360, 1000), (480, 1800), (720, 3500), (1080, 6500), (1440, 13_000))
HIGHEST = 22_000
# Sound that goes on for less than this after the last picture is not worth a word.
_UNTOLD_SECONDS = 0.1
_EFFORT = {"fast": "veryfast", "medium": "medium", "slow": "slow"}


@dataclass(frozen=True)
class Planned:
    """A rendition to be made: how large, and the names of its two files."""

    resolution: int
    size: Size
    playlist: Part
    media: Part


def make_hls(work: Work, recipe: HLSRecipe) -> Rendered:
    """Raises ContentRefused("video_missing"), ContentRefused("output_mismatch"), and what FFmpeg's
    run raises."""
    planned = tuple(_planned(work, recipe))
    work.run(_arguments(work, recipe, planned))
    made = [_checked(work, each) for each in planned]
    work.target.write_text(playlists.master([each for each, _ in made]), encoding="utf-8")
    return Rendered(
        *planned[0].size,
        pages=None,
        byte_size=work.target.stat().st_size,
        content_type=recipe.content_type,
        duration_ms=max(duration_ms for _, duration_ms in made),
        details={"renditions": [_described(each) for each, _ in made]},
        parts=tuple(part for each in planned for part in (each.playlist, each.media)),
    )


def resolutions(recipe: HLSRecipe, shorter_side: int) -> list[int]:
    """Those that enlarge nothing, from the largest; the smallest in any case (W3.14)."""
    wanted = sorted(recipe.resolutions, reverse=True)
    return [each for each in wanted if each <= shorter_side] or wanted[-1:]


def _planned(work: Work, recipe: HLSRecipe) -> Iterator[Planned]:
    for resolution in resolutions(recipe, min(seen_size(work))):
        yield Planned(
            resolution=resolution,
            size=fitted(work.facts, resolution),
            playlist=work.part(recipe.content_type),
            media=work.part("video/mp4"),
        )


def _arguments(work: Work, recipe: HLSRecipe, planned: Sequence[Planned]) -> list[str]:
    return [
        *("-filter_complex", _graph(work, recipe, planned)),
        *(each for n, one in enumerate(planned) for each in _output(work, recipe, n, one)),
    ]


def _graph(work: Work, recipe: HLSRecipe, planned: Sequence[Planned]) -> str:
    """Pictures and sound are decoded once, and all renditions have the same frames: at the same
    times, too. Of a damaged file, FFmpeg may wait for itself for ever if several outputs read the
    sound from the input."""
    several = len(planned)
    pace = rate_filter(work.facts, recipe.max_frame_rate)
    chains = [f"[{FIRST_VIDEO}]{chained(pace, f'split={several}')}{_labels('s', several)}"]
    chains += [
        f"[s{number}]{picture(work.facts, each.size)}[v{number}]"
        for number, each in enumerate(planned)
    ]
    if work.facts.has_audio:
        chains.append(f"[{FIRST_AUDIO}]{IN_STEP},asplit={several}{_labels('a', several)}")
    return ";".join(chains)


def _labels(letter: str, several: int) -> str:
    return "".join(f"[{letter}{number}]" for number in range(several))


def _output(work: Work, recipe: HLSRecipe, number: int, planned: Planned) -> list[str]:
    ceiling = next((most for lines, most in CEILINGS if planned.resolution <= lines), HIGHEST)
    seconds = recipe.segment_seconds
    return [
        *("-map", f"[v{number}]", "-c:v", "libx264", "-preset", _EFFORT[recipe.effort]),
        *("-profile:v", "high", "-crf", str(recipe.crf), "-threads", str(work.bounds.threads)),
        *("-fps_mode", "vfr", "-max_muxing_queue_size", "4096"),
        *("-maxrate", f"{ceiling}k", "-bufsize", f"{2 * ceiling}k"),
        # A key frame where each segment begins: nowhere else, so that all are cut alike.
        *("-force_key_frames", f"expr:gte(t,n_forced*{seconds})", "-forced-idr", "1"),
        *("-sc_threshold", "0", "-g", str(_frames(work, recipe, seconds))),
        *_sound(work, recipe, number),
        *(*STRIPPED, "-f", "hls", "-hls_time", str(seconds), "-hls_playlist_type", "vod"),
        *("-hls_segment_type", "fmp4", "-hls_flags", "single_file+independent_segments"),
        *("-hls_segment_filename", to(planned.media.path), to(planned.playlist.path)),
    ]


def _frames(work: Work, recipe: HLSRecipe, seconds: int) -> int:
    """As many as come in a segment, and then some."""
    return math.ceil(frame_rate(work.facts, recipe.max_frame_rate) * (seconds + 1))


def _sound(work: Work, recipe: HLSRecipe, number: int) -> list[str]:
    if not work.facts.has_audio:
        return []
    return ["-map", f"[a{number}]", *audio_arguments(work.facts, "aac", recipe.audio_bitrate)]


def _checked(work: Work, planned: Planned) -> tuple[Rendition, int]:
    """What came of a rendition, and how many milliseconds it lasts."""
    media = planned.media.path
    facts = verified(
        media,
        planned.media.content_type,
        video=True,
        audio=work.facts.has_audio,
        duration_ms=work.facts.duration_ms,
        size=planned.size,
    )
    segments = _segments(work, planned, facts)
    duration_ms = round(sum(each.seconds for each in segments) * 1000)
    check_duration(duration_ms, work.facts.duration_ms)
    peak, average = playlists.bandwidths(segments)
    rendition = Rendition(
        playlist=planned.playlist.path.name,
        width=planned.size[0],
        height=planned.size[1],
        frame_rate=facts.frame_rate,
        codecs=codecs_of(media, facts),
        bandwidth=peak,
        average_bandwidth=average,
    )
    return rendition, duration_ms


def _segments(work: Work, planned: Planned, facts: MediaFacts) -> list[Segment]:
    """Those of the rendition's playlist, which is made to tell its whole length."""
    text = planned.playlist.path.read_text(encoding="utf-8")
    segments = playlists.segments(text, planned.media.path)
    whole = min(facts.duration_ms or 0, work.facts.duration_ms or 0) / 1000
    missing = whole - sum(each.seconds for each in segments)
    if missing < _UNTOLD_SECONDS:
        return segments
    text = playlists.lengthened(text, missing)
    planned.playlist.path.write_text(text, encoding="utf-8")
    return playlists.segments(text, planned.media.path)


def _described(rendition: Rendition) -> dict[str, Any]:
    names = ("width", "height", "bandwidth", "codecs")
    return {name: getattr(rendition, name) for name in names}
