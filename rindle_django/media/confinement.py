"""What a process gives up before it looks at a stranger's file (S5): a decoder, or FFmpeg.

Every measure is taken by the process itself, first thing: between fork and exec of a threaded
parent almost nothing may safely be run. Measures that a machine does not offer are left out.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_CLONE_NEWIPC = 0x08000000

MAX_OUTPUT = 512 << 20
MAX_FILES = 64


def confine(memory_bytes: int, parent: int) -> None:
    """Cut this process off from its surroundings. ``parent`` is who it must not outlive."""
    _leave_the_working_folder()
    if sys.platform == "linux":
        isolate()
        limit(resource.RLIMIT_AS, memory_bytes)
    else:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    leave_if_orphaned(parent)
    limit(resource.RLIMIT_CORE, 0)  # a core dump would hold another user's pixels
    limit(resource.RLIMIT_FSIZE, MAX_OUTPUT)
    limit(resource.RLIMIT_NOFILE, MAX_FILES)


def allow_cpu(seconds: int) -> None:
    """Grant so many more seconds from now; past them the kernel kills us with SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def isolate() -> None:
    """No network, no new privileges, and an end together with the parent's: Linux only."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Namespaces of our own: no network, and no reading of the parent's environment in /proc.
    # Refused in many containers, and then the other measures have to do.
    libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # After unshare, which clears it.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def leave_if_orphaned(parent: int) -> None:
    """The parent may have died before it could have been noticed."""
    if os.getppid() != parent:
        os._exit(1)


def limit(which: int, most: int) -> None:
    hard = resource.getrlimit(which)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (most, most))


def _leave_the_working_folder() -> None:
    """Remove the empty folder we were started in. A process in a folder that is gone can create
    nothing beside it, and leaves nothing behind however it ends."""
    Path.cwd().rmdir()


def _leave_with(parent: int) -> None:
    """Where the kernel has no signal for it: look whether the parent is still there."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
