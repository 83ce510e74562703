"""A disk that is full, for one thread: the kernel refuses its writes with the error of one."""

from __future__ import annotations

import ctypes
import errno
import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from struct import pack
from typing import Any

from tests.storage import linkless

# write(); what goes to a socket is sent by other calls.
WRITE = {"x86_64": 1, "aarch64": 64}


def fill_up() -> None:
    machine = platform.machine()
    steps = [
        (linkless.LOAD, 0, 0, 4),
        (linkless.JUMP_IF_EQUAL, 1, 0, linkless.MACHINES[machine][0]),
        (linkless.RETURN, 0, 0, linkless.ALLOW),
        (linkless.LOAD, 0, 0, 0),
        (linkless.JUMP_IF_EQUAL, 0, 1, WRITE[machine]),
        (linkless.RETURN, 0, 0, linkless.FAIL | errno.ENOSPC),
        (linkless.RETURN, 0, 0, linkless.ALLOW),
    ]
    program = linkless.Program(len(steps), b"".join(pack("HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(linkless.NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0, ctypes.get_errno()
    assert libc.prctl(linkless.SET_SECCOMP, linkless.FILTER, ctypes.byref(program), 0, 0) == 0


def on_a_full_disk(action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What ``action`` returns or raises in a thread that can write to no file."""
    with ThreadPoolExecutor(1, initializer=fill_up) as thread:
        return thread.submit(action, *args, **kwargs).result()
