"""The account that a server runs under when it refuses to run as root."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict


class Identity(TypedDict, total=False):
    """The arguments of `subprocess.run` that change who runs."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class SystemUser:
    uid: int
    gid: int

    @classmethod
    def for_postgres(cls) -> SystemUser | None:
        """The account for Postgres; None when the caller is not root and runs it himself."""
        return cls._named("rindle-postgres") if os.geteuid() == 0 else None

    @classmethod
    def _named(cls, name: str) -> SystemUser:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            # No check: a second process may have created it in the meantime.
            subprocess.run(["useradd", "--system", "--user-group", name], check=False)
            entry = pwd.getpwnam(name)
        return cls(entry.pw_uid, entry.pw_gid)

    def identity(self) -> Identity:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid)


def may_enter(directory: Path) -> bool:
    """Whether anyone may pass through this directory and all above it."""
    return all(each.stat().st_mode & stat.S_IXOTH for each in (directory, *directory.parents))


def open_to_all(program: Path) -> bool:
    """Whether anyone may reach and run this program."""
    mode = program.stat().st_mode
    return may_enter(program.parent) and bool(mode & stat.S_IROTH) and bool(mode & stat.S_IXOTH)
