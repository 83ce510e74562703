"""One FFmpeg process as its parent sees it: started, listened to, timed, and killed.

Knows no option of FFmpeg's but where it tells its progress; what its end means is ``failures``'.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rindle_django import interruption
from rindle_django.media.av import launch
from rindle_django.media.av.bounds import Bounds
from rindle_django.media.decoder import PASSED_ON, python

LAST_WORDS = 64 << 10
_CHUNK = 256 << 10
_NICE = 5
_TO_LEAVE = 0.005
_LAUNCHER = str(Path(launch.__file__))

Hear = Callable[[bytes], object]


@dataclass(frozen=True)
class Ended:
    """How it ended. ``exit_code`` is negative for a signal; ``cpu_seconds`` None if nobody counted:
    who watches is killed with what it watches."""

    exit_code: int
    cpu_seconds: float | None
    timed_out: bool
    last_words: str


class Guest:
    """A running FFmpeg. Whoever started it stays until its end, in the same thread: the kernel
    kills it when the thread that started it ends, as it shall when its worker dies."""

    def __init__(self, program: Path, folder: Path, bounds: Bounds, *, watched: bool) -> None:
        self._program, self._folder, self._bounds = program, folder, bounds
        self._kept = launch.BY_WATCHING if watched else launch.BY_KERNEL
        self._stderr = b""
        self._selector = selectors.DefaultSelector()
        self._cpu_seconds: float | None = None

    def attend(
        self, arguments: Callable[[int], Sequence[str]], on_output: Hear, on_report: Hear
    ) -> Ended:
        """Run with ``arguments``, given the number of the pipe for reports, until it ends.

        Raises Interrupted when the work has become unwanted, and what the listeners raise. However
        this is left, no process of the group is.
        """
        process, reports = self._start(arguments)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            self._selector.register(process.stdout.fileno(), selectors.EVENT_READ, on_output)
            self._selector.register(process.stderr.fileno(), selectors.EVENT_READ, self._remember)
            self._selector.register(reports, selectors.EVENT_READ, on_report)
            timed_out = not self._listen(process)
        finally:
            self._end(process)
            self._selector.close()
            for each in (process.stdout, process.stderr):
                each.close()
            os.close(reports)
        last_words = self._stderr.decode("utf-8", "replace")
        return Ended(process.returncode or 0, self._cpu_seconds, timed_out, last_words)

    def _start(
        self, arguments: Callable[[int], Sequence[str]]
    ) -> tuple[subprocess.Popen[bytes], int]:
        reports, written = os.pipe()
        try:
            process = subprocess.Popen(  # noqa: S603
                [*self._launcher(), *arguments(written)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                close_fds=True,
                pass_fds=(written,),
                cwd=self._folder,
                env=environment(self._folder),
                start_new_session=True,  # Ctrl-C and group kills are for the worker
            )
        except BaseException:
            os.close(reports)
            raise
        finally:
            os.close(written)
        return process, reports

    def _launcher(self) -> list[str]:
        limits = self._bounds.memory_bytes, self._bounds.cpu_seconds, self._bounds.output_bytes
        numbers = map(str, (os.getpid(), *limits, _NICE))
        return [python(), "-I", "-S", _LAUNCHER, self._kept, *numbers, str(self._program)]

    def _listen(self, process: subprocess.Popen[bytes]) -> bool:
        """Until it has ended and all is heard; False if the time is up before."""
        deadline = time.monotonic() + self._bounds.wall_seconds
        asked = 0.0
        while (now := time.monotonic()) < deadline:
            if now - asked >= interruption.INTERVAL:
                interruption.checkpoint()
                asked = now
            # Somebody forked from this process may hold its pipes open when it is long gone.
            if not self._hears_something(deadline - now) and self._has_ended(process):
                return True
        return False

    def _hears_something(self, patience: float) -> bool:
        if not self._selector.get_map():  # all is said; that it leaves takes milliseconds
            time.sleep(min(patience, _TO_LEAVE))
            return False
        ready = self._selector.select(min(patience, interruption.INTERVAL))
        for key, _ in ready:
            if chunk := os.read(key.fd, _CHUNK):
                key.data(chunk)
            else:
                self._selector.unregister(key.fd)
        return bool(ready)

    def _remember(self, chunk: bytes) -> None:
        """Keep the end of what it complains of; a full pipe would stop it."""
        self._stderr = (self._stderr + chunk)[-LAST_WORDS:]

    def _has_ended(self, process: subprocess.Popen[bytes]) -> bool:
        return process.returncode is not None or self._reap(process, os.WNOHANG)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            self._reap(process, 0)

    def _reap(self, process: subprocess.Popen[bytes], how: int) -> bool:
        try:
            pid, status, usage = os.wait4(process.pid, how)
        except ChildProcessError:  # somebody waits for every child of this process
            process.returncode = -signal.SIGKILL
            return True
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            if how == os.WNOHANG or self._kept == launch.BY_KERNEL:
                self._cpu_seconds = usage.ru_utime + usage.ru_stime
        return bool(pid)


def watched_by_default() -> bool:
    return sys.platform != "linux"


def environment(folder: Path) -> dict[str, str]:
    """Nothing of the parent's but what is harmless: it holds secrets (S5)."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed | {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "AV_LOG_FORCE_NOCOLOR": "1",
        "SVT_LOG": "1",  # errors alone
        "MALLOC_ARENA_MAX": "2",  # each arena reserves 64 MB of the address space allowed
    }
