"""The stage: a private Postgres and folder, and a process with Django loaded to fork others from.

Nothing of Django may be imported before the environment of the run is set; so what acts on the
stage is imported by those who open it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.durability.chaos.database import Shaken, private_folder, private_postgres


@dataclass(frozen=True)
class Stage:
    folder: Path
    cluster: Shaken
    url: str

    @property
    def temporary(self) -> tuple[Path, ...]:
        """Folders in which nothing may be left."""
        return (self.folder / "work", self.folder / "tmp", self.folder / "storage" / ".rindle-tmp")


@contextmanager
def opened(
    rindle: Mapping[str, Any], worker: Mapping[str, Any], *, connections: int = 200
) -> Iterator[Stage]:
    """``rindle`` are the library's settings, ``worker`` the defaults of Procrastinate's workers."""
    with (
        private_folder() as folder,
        private_postgres(folder / "postgres", connections) as cluster,
    ):
        url = cluster.open_database("chaos")
        os.environ |= {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "tests.durability.chaos.settings",
            "CHAOS_FOLDER": str(folder),
            "CHAOS_RINDLE": json.dumps(rindle),
            "CHAOS_WORKER": json.dumps(worker),
            "TMPDIR": str(folder / "tmp"),
        }
        tempfile.tempdir = str(folder / "tmp")
        _prepare()
        yield Stage(folder, cluster, url)


def _prepare() -> None:
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0, interactive=False)
    connections.close_all()  # a fork must not share one
