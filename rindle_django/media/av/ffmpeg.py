"""Running FFmpeg on one local file of a stranger's: found, confined, listened to, and judged.

There is no way to hand it an option from outside: all arguments are written in this package.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rindle_django.conf import config
from rindle_django.errors import ContentRefused, Misconfigured, TransientFailure
from rindle_django.media.av.bounds import MEGABYTE, Bounds
from rindle_django.media.av.failures import INSTALL, failure
from rindle_django.media.av.guest import Guest, Hear, watched_by_default
from rindle_django.media.av.needs import is_media
from rindle_django.media.types import MEDIA_TYPES, canonical

MOST_STDOUT = 16 * MEGABYTE
MOST_STREAMS = 64
_LARGEST_BLOCK = 256 * MEGABYTE
_OUT_TIME = re.compile(rb"^out_time_us=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Finished:
    """What a run that succeeded left beside its files."""

    cpu_seconds: float
    stderr_tail: str
    stdout: bytes


def find_ffmpeg() -> Path:
    """The program in use. Raises Misconfigured("transcoder_missing")."""
    if named := config().FFMPEG:
        if found := shutil.which(named):
            return Path(found).absolute()
        raise Misconfigured("transcoder_missing", hint="RINDLE['FFMPEG'] names no program")
    if found := _brought_along() or shutil.which("ffmpeg"):
        return Path(found).absolute()
    raise Misconfigured("transcoder_missing", hint=INSTALL)


def _brought_along() -> str | None:
    with suppress(ImportError, RuntimeError):
        from imageio_ffmpeg import get_ffmpeg_exe

        return shutil.which(str(get_ffmpeg_exe()))
    return None


def run(
    arguments: Sequence[str],
    *,
    source: Path,
    mime: str,
    folder: Path,
    bounds: Bounds,
    before: Sequence[str] = (),
    more: Sequence[Sequence[str]] = (),
    on_progress: Callable[[float], None] | None = None,
    on_output: Hear | None = None,
) -> Finished:
    """Run FFmpeg on ``source`` with the ``arguments`` that follow the input, in ``folder``.

    ``before`` are options of the input; each of ``more`` opens the same file once more, with
    options of its own. ``on_progress`` hears how many seconds of output there are, ``on_output``
    what is written to ``pipe:1``, which is gathered, up to a bound, where nobody listens.

    Raises ContentRefused, TransientFailure, Misconfigured, or Interrupted when the work has become
    unwanted. However it ends, no process is left; what was written is for the caller to remove.
    """
    opened = [_opened(source, mime, bounds, options) for options in (before, *more)]
    guest = Guest(find_ffmpeg(), folder, bounds, watched=watched_by_default())
    output = _Gathered()
    try:
        ended = guest.attend(
            lambda reports: [
                *_general(reports, bounds),
                *(each for one in opened for each in one),
                *arguments,
            ],
            on_output or output.hear,
            _Reports(on_progress).hear,
        )
    except OSError as error:
        raise TransientFailure("transcoder_stopped", signal=error.strerror or "OSError") from error
    if ended.exit_code or ended.timed_out:
        raise failure(ended, bounds, source, folder)
    return Finished(ended.cpu_seconds or 0.0, ended.last_words, bytes(output.received))


def to(path: Path) -> str:
    """How an output is named: never taken for an option or a protocol."""
    return f"file:{path.absolute()}"


def _general(reports: int, bounds: Bounds) -> list[str]:
    return [
        *("-nostdin", "-hide_banner", "-y", "-loglevel", "level+info"),
        *("-nostats", "-progress", f"pipe:{reports}", "-stats_period", "0.5"),
        *("-max_alloc", str(_LARGEST_BLOCK), "-filter_threads", str(bounds.threads)),
        *("-filter_complex_threads", str(bounds.threads)),
    ]


def _opened(source: Path, mime: str, bounds: Bounds, options: Sequence[str]) -> list[str]:
    """The input: one local file, read as what it was found to be and nothing else (S11)."""
    demuxer = demuxer_of(mime)
    return [
        *("-protocol_whitelist", "file", "-format_whitelist", demuxer),
        *("-max_streams", str(MOST_STREAMS), "-threads", str(bounds.threads)),
        *options,
        *("-f", demuxer, "-i", to(source)),
    ]


def demuxer_of(mime: str) -> str:
    """FFmpeg's name for it. Raises ContentRefused for a type that is neither audio nor video."""
    if not is_media(mime) or (demuxer := MEDIA_TYPES[canonical(mime)].loader) is None:
        raise ContentRefused("media_unreadable", detail=f"{mime} is neither audio nor video")
    return demuxer


class _Gathered:
    """What nobody listened to. More of it than expected is an error, not something to cut off."""

    def __init__(self) -> None:
        self.received = bytearray()

    def hear(self, chunk: bytes) -> None:
        self.received += chunk
        if len(self.received) > MOST_STDOUT:
            raise ContentRefused("transcode_failed", detail="it gives more than can be kept")


class _Reports:
    """FFmpeg's own lines of how far it is."""

    def __init__(self, on_progress: Callable[[float], None] | None) -> None:
        self._tell, self._rest = on_progress, b""

    def hear(self, chunk: bytes) -> None:
        if self._tell is None:
            return
        lines, _, self._rest = (self._rest + chunk).rpartition(b"\n")
        if times := _OUT_TIME.findall(lines):
            self._tell(int(times[-1]) / 1_000_000)
