"""A Postgres of the run's own, to be restarted at will, and a folder for all that is written."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from example_project.services.postgres import SETTINGS, Cluster

# A commit that was answered outlives every death of the server: it is in the kernel's hands. Only
# a loss of power could take it back, and that is not among what is tried here.
MUCH = 4 << 30
NO_POWER_FAILURE = ("fsync", "full_page_writes")


class Shaken(Cluster):
    """A cluster that can be restarted under those who use it."""

    def restart(self, mode: str) -> None:
        """``mode`` is "fast" (everybody is shown out) or "immediate" (the server is killed)."""
        self._run("pg_ctl", "stop", "-D", self.data, "-m", mode, "-w", check=False)
        self._start(True)


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Everything that a run writes, in memory if there is room: the machine does not lose power.

    It stays behind if CHAOS_KEEP is set.
    """
    folder = Path(tempfile.mkdtemp(prefix="rindle-chaos-", dir=_roomy_memory()))
    folder.chmod(0o755)  # the server has a user of its own
    for name in ("storage", "work", "tmp", "postgres"):
        (folder / name).mkdir()
    try:
        yield folder
    finally:
        if not os.environ.get("CHAOS_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)


def _roomy_memory() -> str | None:
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > MUCH
    return str(memory) if roomy else None


@contextlib.contextmanager
def private_postgres(folder: Path, connections: int = 200) -> Iterator[Shaken]:
    SETTINGS["max_connections"] = str(connections)
    cluster = Shaken.at(folder)
    assert isinstance(cluster, Shaken)
    lease = cluster.enter(durable=True)
    try:
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as admin:
            for name in NO_POWER_FAILURE:
                admin.execute(f"ALTER SYSTEM SET {name} = off")
            admin.execute("SELECT pg_reload_conf()")
        yield cluster
    finally:
        cluster.leave(lease)
