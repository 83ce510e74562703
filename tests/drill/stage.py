"""The stage: a private Postgres, a folder, a bucket and a small file system for working copies."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.drill.bucket import Bucket
from tests.drill.project import Fell, Running
from tests.durability.chaos.database import private_folder, private_postgres

# More than three of the largest files that the example project takes.
ROOM = "800m"


@contextmanager
def opened() -> Iterator[Running]:
    with (
        private_folder() as folder,
        private_postgres(folder / "postgres") as cluster,
        _small(folder / "work"),
    ):
        bucket = Bucket()
        (folder / "bucket.json").write_text(json.dumps(bucket.storage()))
        (folder / "media").mkdir()
        project = Running(folder, cluster.open_database("drill"), bucket)
        project.configure()
        project.allow_uploads(True)
        project.mended("migrate", "--verbosity", "0")
        try:
            yield project
        finally:
            project.kill_worker()


@contextmanager
def _small(folder: Path) -> Iterator[None]:
    """A file system of its own, to be filled up without harm."""
    options = ["-t", "tmpfs", "-o", f"size={ROOM}", "rindle-drill", str(folder)]
    if subprocess.run(["mount", *options], check=False, capture_output=True).returncode:
        raise Fell("a small file system cannot be mounted here: run the drill as root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
