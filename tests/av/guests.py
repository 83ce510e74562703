"""Looking at FFmpeg from outside, and giving it things to do that take as long as they should."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from rindle_django.media.av.bounds import Bounds
from rindle_django.media.av.ffmpeg import Finished, run, to
from tests.av import clips
from tests.media.decoders import wait_until

PROGRAM = Path(imageio_ffmpeg.get_ffmpeg_exe()).resolve()
# Reads as fast as it would be played: minutes of work that take no processor time.
SLOWLY = ("-re",)
# Takes seconds of a processor, and a lot of memory.
BUSILY = ("-vf", "scale=1280:720", "-c:v", "libx264", "-preset", "placebo", "-crf", "0", "-an")


def guests(ancestor: int | None = None) -> set[int]:
    """The FFmpeg processes that ``ancestor`` (this process by default) has running, at first or at
    second hand."""
    ours = _descendants(ancestor or os.getpid())
    return {pid for pid in ours if _program(pid) == PROGRAM and "-progress" in _command(pid)}


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def processes_of_group(group: int) -> set[int]:
    return {pid for pid in _all() if _stat(pid)[2:3] == [str(group)] and _stat(pid)[0] != "Z"}


def _descendants(ancestor: int) -> set[int]:
    children = {pid for pid in _all() if _stat(pid)[1:2] == [str(ancestor)]}
    return children | {each for child in children for each in _descendants(child)}


def _all() -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]


def _stat(pid: int) -> list[str]:
    """State, parent, group."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:3]
    except OSError:
        return []


def _program(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/exe").readlink()
    except OSError:
        return None


def the_guest(ancestor: int | None = None) -> int:
    assert wait_until(lambda: bool(guests(ancestor))), "FFmpeg does not run"
    (pid,) = guests(ancestor)
    return pid


def bounds(**changes: Any) -> Bounds:
    return replace(Bounds.for_duration(2000), **changes)


def transcode(
    folder: Path,
    arguments: Sequence[str] = ("-c:v", "libx264", "-an"),
    *,
    source: Path | None = None,
    mime: str = "video/mp4",
    **options: Any,
) -> Finished:
    """Any transcode: of a clip of two seconds, unless another source is given."""
    source = source or clips.video()
    options = {"bounds": bounds()} | options
    output = [*arguments, "-f", "mp4", to(folder / "out.mp4")]
    return run(output, source=source, mime=mime, folder=folder, **options)


class Elsewhere:
    """Work that goes on in another thread, and how it ended."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.result: object = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,))
        self._thread.start()

    def _run(self, work: Callable[[], object]) -> None:
        try:
            self.result = work()
        except BaseException as error:
            self.error = error

    def ended(self, seconds: float = 20.0) -> BaseException | None:
        """What it raised, if anything."""
        began = time.monotonic()
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"still at work after {time.monotonic() - began:.0f} s"
        return self.error
