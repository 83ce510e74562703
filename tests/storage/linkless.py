"""Life on a file system without hard links: the kernel refuses them to one thread and to all that
it starts, with the error that exFAT gives.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from struct import pack
from typing import Any

# Of each machine: its number for seccomp, and those of its system calls that make a link.
MACHINES = {"x86_64": (0xC000003E, (86, 265)), "aarch64": (0xC00000B7, (37,))}
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000
NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def forbid_links() -> None:
    """Let link() and linkat() fail with EPERM in this thread from now on."""
    machine, numbers = MACHINES[platform.machine()]
    steps = [
        (LOAD, 0, 0, 4),
        (JUMP_IF_EQUAL, 1, 0, machine),
        (RETURN, 0, 0, ALLOW),
        (LOAD, 0, 0, 0),
    ]
    for number in numbers:
        steps += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, FAIL | errno.EPERM)]
    steps.append((RETURN, 0, 0, ALLOW))
    program = Program(len(steps), b"".join(pack("HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0, ctypes.get_errno()
    assert libc.prctl(SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0) == 0, ctypes.get_errno()


def without_links(action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What ``action`` returns or raises in a thread that can make no hard links."""
    assert sys.platform == "linux", "only Linux can forbid links to a single thread"
    with ThreadPoolExecutor(1, initializer=forbid_links) as thread:
        return thread.submit(action, *args, **kwargs).result()
