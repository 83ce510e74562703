"""What FFmpeg's end says: about the file, about this machine, or about what it was allowed."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rindle_django.errors import ContentRefused, Misconfigured, RindleError, TransientFailure
from rindle_django.media.av.bounds import Bounds
from rindle_django.media.av.guest import Ended
from rindle_django.media.av.launch import NOT_STARTED
from rindle_django.media.av.room import disk_full

INSTALL = (
    "pip install 'rindle-django[av]', or install FFmpeg 6 or newer and name it in "
    "RINDLE['FFMPEG'], or in PATH"
)
# Who was given less than this share of its time by the machine was waiting, and not at work.
_BUSY_SHARE = 0.05

# Not what a title says: of the file's own words, none begins a line.
_STOPPED = re.compile(
    r"^(?:\[[^\]]*\] )?\[\w+\] Exiting normally, received signal (\d+)", re.MULTILINE
)
_MEMORY = re.compile(
    r"cannot allocate memory|out of memory|malloc|bad_alloc|insufficient memory"
    r"|(failed|unable|not|error) (to )?allocat|allocation failed|memory allocation",
    re.IGNORECASE,
)
# Said of this machine, never of the file (U19).
_DISK = re.compile(r"No space left on device|quota exceeded", re.IGNORECASE)
_MACHINE = re.compile(
    r"Too many open files|Resource temporarily unavailable|Read-only file system"
    r"|Input/output error|Permission denied",
    re.IGNORECASE,
)
_LACKING = re.compile(r"Unknown (en|de)coder|Unknown (filter|muxer)|No such filter", re.IGNORECASE)
# "[mov,mp4 @ 0x55d0] [error] moov atom not found": who says it, and how bad it is. Some of the
# libraries have a way of their own: "x264 [error]: malloc of size 5529668 failed".
_COMPLAINT = re.compile(
    r"^(?:(?:\[[^\]]*\] )*|\w+ )\[(?:error|fatal|panic)\]:? (.+)$", re.MULTILINE
)
# What is said in the end, whatever went wrong.
_EMPTY_WORDS = re.compile(
    r"Conversion failed|Error (opening|sending|submitting|while|during|initializing)|Terminating"
    r"|Nothing was written|Task finished|Error muxing|Could not open encoder",
    re.IGNORECASE,
)


def failure(ended: Ended, bounds: Bounds, source: Path, folder: Path) -> RindleError:
    """The typed error for a run that did not succeed."""
    if ended.timed_out:
        return _out_of_time(ended, bounds)
    if ended.exit_code == NOT_STARTED:
        return Misconfigured("transcoder_missing", hint=f"it does not start here; {INSTALL}")
    if ended.cpu_seconds is not None and ended.cpu_seconds >= bounds.cpu_seconds:
        return ContentRefused("transcode_timeout", seconds=bounds.cpu_seconds)
    if (number := _signal(ended)) is not None:
        return _killed(number, ended, bounds)
    if _DISK.search(_complaints(ended)):
        return disk_full(source, folder)
    return _complaint(ended, bounds, (source, folder))


def _out_of_time(ended: Ended, bounds: Bounds) -> RindleError:
    if ended.cpu_seconds is not None and ended.cpu_seconds < _BUSY_SHARE * bounds.wall_seconds:
        return TransientFailure("transcoder_stopped", signal="it was given no processor time")
    return ContentRefused("transcode_timeout", seconds=bounds.wall_seconds)


def _signal(ended: Ended) -> int | None:
    """The signal that ended it; some it takes as a request to leave in good order."""
    if ended.exit_code < 0:
        return -ended.exit_code
    said = _STOPPED.findall(ended.last_words)
    return int(said[-1]) if said else None


def _killed(number: int, ended: Ended, bounds: Bounds) -> RindleError:
    if number == signal.SIGXFSZ:
        return _too_large(bounds)
    if number not in _ITS_OWN_FAULT:
        return TransientFailure("transcoder_stopped", signal=_named(number))
    if _MEMORY.search(ended.last_words):
        return ContentRefused("transcode_memory", limit=bounds.memory_bytes)
    return ContentRefused("transcode_failed", detail=f"ffmpeg died of {_named(number)}")


_ITS_OWN_FAULT = frozenset(
    {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSYS}
)


def _too_large(bounds: Bounds) -> RindleError:
    most = f"more than {bounds.output_bytes:,} bytes would be written"
    return ContentRefused("transcode_failed", detail=most)


def _complaints(ended: Ended) -> str:
    return "\n".join(_COMPLAINT.findall(ended.last_words))


def _complaint(ended: Ended, bounds: Bounds, hidden: Sequence[Path]) -> RindleError:
    said, detail = _complaints(ended), complaint(ended.last_words, hidden)
    if _MEMORY.search(said):
        return ContentRefused("transcode_memory", limit=bounds.memory_bytes)
    if _MACHINE.search(said):
        return TransientFailure("transcoder_stopped", signal=detail)
    if _LACKING.search(said):
        return Misconfigured("transcoder_missing", hint=f"{detail}; {INSTALL}")
    return ContentRefused("transcode_failed", detail=detail)


def complaint(said: str, hidden: Sequence[Path] = ()) -> str:
    """The last complaint that names a cause, short and printable. ``hidden`` are paths that are not
    told: it is shown to people who may not know them (S29)."""
    lines = [each for each in _COMPLAINT.findall(said) if not _EMPTY_WORDS.match(each)]
    lines = lines or _COMPLAINT.findall(said) or said.strip().splitlines() or ["no reason given"]
    text = lines[-1]
    for path in hidden:
        text = text.replace(str(path), "")
    plain = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(plain.split()).strip(" .")[:200]


def _named(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
