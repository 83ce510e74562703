"""The processes of a run: forked from one that has Django loaded, watched, and started again.

Each is a session and a process group of its own, as under a supervisor with ``Restart=always``:
whoever ends, with whatever code, is started again a moment later.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
RESTART_AFTER = 0.1  # seconds, as systemd does unless told otherwise
Body = Callable[[], object]


@dataclass
class Member:
    """One living process."""

    role: str
    pid: int
    since: float = field(default_factory=time.monotonic)
    stopped_until: float | None = None

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


@dataclass
class Household:
    """Who lives, by process id. ``roles`` says what each role does and is restarted for."""

    roles: Mapping[str, Body]
    log: Path
    members: dict[int, Member] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=Counter)
    waiting: list[tuple[float, str]] = field(default_factory=list)
    restarting: set[str] = field(default_factory=set)
    visitors: dict[int, int] = field(default_factory=dict)  # others that ended, with their status

    def __post_init__(self) -> None:
        self.restarting |= set(self.roles)

    def start(self, role: str) -> Member:
        member = Member(role, fork(self.roles[role], self.log))
        self.members[member.pid] = member
        return member

    def of(self, role: str) -> list[Member]:
        return [each for each in self.members.values() if each.role == role]

    def look_after(self) -> None:
        """Reap who has ended, and start whose time has come."""
        now = time.monotonic()
        while (pid := _ended_child()) is not None:
            member = self.members.pop(pid[0], None)
            if member is None:
                self.visitors[pid[0]] = pid[1]
            else:
                self.ended[f"{member.role} {_how(pid[1])}"] += 1
                self.waiting.append((now + RESTART_AFTER, member.role))
        self.waiting = [each for each in self.waiting if each[1] in self.restarting]
        due = [role for at, role in self.waiting if at <= now]
        self.waiting = [each for each in self.waiting if each[0] > now]
        for role in due:
            self.start(role)

    def stop(self, roles: Collection[str], patience: float) -> list[str]:
        """End all of ``roles`` gracefully; who had to be killed for it is given."""
        self.restarting -= set(roles)
        leaving = [each for role in roles for each in self.of(role)]
        for member in leaving:
            member.signal(signal.SIGCONT)
            member.signal(signal.SIGTERM)
        deadline = time.monotonic() + patience
        while any(each.pid in self.members for each in leaving) and time.monotonic() < deadline:
            self.look_after()
            time.sleep(0.02)
        return [self._kill(each) for each in leaving if each.pid in self.members]

    def _kill(self, member: Member) -> str:
        member.signal(signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(member.pid, 0)
        self.members.pop(member.pid, None)
        return f"{member.role} {member.pid} did not stop"

    def kill_all(self) -> None:
        for member in list(self.members.values()):
            self._kill(member)


def fork(body: Body, log: Path) -> int:
    """Run ``body`` in a process of its own; returns its id."""
    gc.freeze()  # what is shared stays shared
    parent = os.getpid()
    if (pid := os.fork()) != 0:
        return pid
    code = 1
    try:
        _settle_in(parent, log)
        code = _exit_code(body)
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def _exit_code(body: Body) -> int:
    try:
        body()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _settle_in(parent: int, log: Path) -> None:
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


def _ended_child() -> tuple[int, int] | None:
    with contextlib.suppress(ChildProcessError):
        pid, status = os.waitpid(-1, os.WNOHANG)
        return (pid, status) if pid else None
    return None


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
