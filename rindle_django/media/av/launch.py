"""Starts FFmpeg confined: ``python -I -S launch.py <limits> <program> <arguments>``.

Runs before FFmpeg, in the process that becomes it, so that nothing has to be done between fork and
exec of a threaded parent. Needs nothing but the standard library and ``confinement``.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

if not __package__:  # run as a file, and not imported for its words
    sys.path.append(str(Path(__file__).parents[3]))

from rindle_django.media.confinement import isolate, leave_if_orphaned, limit

# As a shell says it, of a program that cannot be started.
NOT_STARTED = 127
# By the kernel, at the parent's end; or by a process that watches, where no kernel does it.
BY_KERNEL, BY_WATCHING = "kernel", "watching"

_MAX_FILES = 256
_WATCHED_EVERY = 0.25
# Past its processor time FFmpeg is asked to stop, and after so many more seconds it is killed.
_CPU_GRACE = 5
# A service manager stops all processes of a unit at once. FFmpeg shall finish what it is doing for
# the worker that drains, and ends with it (W3.8).
_FOR_THE_WORKER = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})


def main() -> None:
    kept, parent, memory, cpu, size, nice = sys.argv[1], *map(int, sys.argv[2:7])
    program, arguments = sys.argv[7], sys.argv[7:]
    if kept == BY_KERNEL:
        isolate()
    leave_if_orphaned(parent)
    signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_WORKER)
    for each in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and so would its heirs
        signal.signal(each, signal.SIG_DFL)
    os.nice(nice)
    if kept == BY_WATCHING:
        _watch(parent)
    _limit(memory, cpu, size)
    try:
        os.execv(program, arguments)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
        sys.stderr.flush()
        os._exit(NOT_STARTED)


def _limit(memory: int, cpu: int, size: int) -> None:
    limit(resource.RLIMIT_CORE, 0)  # a core dump would hold another user's pictures
    limit(resource.RLIMIT_FSIZE, size)
    limit(resource.RLIMIT_NOFILE, _MAX_FILES)
    if sys.platform == "linux":  # macOS accepts it, and does not keep to it
        limit(resource.RLIMIT_AS, memory)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    most = cpu + _CPU_GRACE
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (min(cpu, most), most))


def _watch(parent: int) -> None:
    """Go on in a child, which becomes FFmpeg, and see to it that it does not outlive ``parent``."""
    child = os.fork()
    if child == 0:
        return
    os.closerange(0, _MAX_FILES)  # held open here, FFmpeg's pipes would never come to an end
    done = 0
    while not done:
        if os.getppid() != parent:
            os.killpg(0, signal.SIGKILL)
        time.sleep(_WATCHED_EVERY)
        done, status = os.waitpid(child, os.WNOHANG)
    _end_like(os.waitstatus_to_exitcode(status))


def _end_like(code: int) -> None:
    """Leave as the child did: the parent reads from it why."""
    if code < 0:
        with suppress(OSError):  # nobody may say what SIGKILL does, and nobody has to
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
