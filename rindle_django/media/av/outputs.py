"""Whether what was made is what was asked for: looked at as a stranger's file would be."""

from __future__ import annotations

from pathlib import Path

from rindle_django.conf import config
from rindle_django.errors import ContentRefused
from rindle_django.media.av.facts import MediaFacts
from rindle_django.media.av.limits import MediaLimits
from rindle_django.media.av.probe import probe_media

LEAST_TOLERANCE_MS = 250
TOLERANCE = 0.02
# As long as its source, which was let in; how long that may be is none of our business here.
_ANY_LENGTH = 1e9


def verified(
    path: Path,
    mime: str,
    *,
    video: bool,
    audio: bool,
    duration_ms: int | None,
    size: tuple[int, int] | None = None,
) -> MediaFacts:
    """The facts of an output, which has the streams asked for, is as long as its source, and as
    large as it was meant to be. Raises ContentRefused("output_mismatch")."""
    if not path.exists() or not path.stat().st_size:
        raise _mismatch("nothing was written")
    try:
        facts = probe_media(path, mime, _limits())
    except ContentRefused as error:
        raise _mismatch(str(error).rstrip(".")) from error
    for name, expected, found in (
        ("moving pictures", video, facts.has_video),
        ("sound", audio, facts.has_audio),
    ):
        if expected != found:
            raise _mismatch(f"it has {'no ' if expected else ''}{name}")
    if size is not None and size != (facts.width, facts.height):
        raise _mismatch(f"{facts.width}x{facts.height} instead of {size[0]}x{size[1]}")
    check_duration(facts.duration_ms, duration_ms)
    return facts


def _limits() -> MediaLimits:
    return MediaLimits(
        max_duration=_ANY_LENGTH,
        memory_bytes=config().DECODER_MEMORY,
        cpu_seconds=config().DECODER_SECONDS,
        wall_seconds=config().DECODER_SECONDS,
    )


def check_duration(found_ms: int | None, expected_ms: int | None) -> None:
    """Unless one of them is unknown, they agree. Raises ContentRefused("output_mismatch")."""
    if found_ms is None or expected_ms is None:
        return
    if abs(found_ms - expected_ms) > max(LEAST_TOLERANCE_MS, TOLERANCE * expected_ms):
        raise _mismatch(f"{found_ms / 1000:.2f} s instead of {expected_ms / 1000:.2f} s")


def _mismatch(detail: str) -> ContentRefused:
    return ContentRefused("output_mismatch", detail=detail)
