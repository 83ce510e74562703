"""Ground of one's own for the commands: a fresh database, a folder, and a share of the work.

Under pytest the fixtures provide these; a command that runs for minutes provides them here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from example_project.services.locks import claim_number
from example_project.services.postgres import ensure_postgres

MEMORY = Path("/dev/shm")
VAR = Path(__file__).resolve().parents[3] / "var" / "tests"


@contextmanager
def own_ground(purpose: str, **rindle: Any) -> Iterator[None]:
    """Django set up on a database of this process alone, with these settings of ours. Import
    models inside only."""
    number = claim_number(VAR / "sessions")
    os.environ["DATABASE_URL"] = _fresh_database(f"rindle_{purpose}_{number}")
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections
    from django.test import override_settings

    call_command("migrate", verbosity=0, run_syncdb=True)
    # In memory where that can be: many small files are synced, and no power will fail here.
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix=f"rindle-{purpose}-", dir=memory) as folder:
        try:
            with override_settings(**kept_in(Path(folder), **rindle)):
                yield
        finally:
            connections.close_all()


def kept_in(folder: Path, **rindle: Any) -> dict[str, Any]:
    """Settings under which files and working copies of this process are in ``folder``."""
    from django.conf import settings

    (folder / "work").mkdir(exist_ok=True)
    storages: dict[str, Any] = dict(settings.STORAGES)
    for alias in ("default", "public"):
        options = {**storages[alias].get("OPTIONS", {}), "location": folder / alias}
        storages[alias] = {**storages[alias], "OPTIONS": options}
    return {
        "STORAGES": storages,
        "RINDLE": {**settings.RINDLE, "TEMP_DIR": str(folder / "work"), **rindle},
    }


def _fresh_database(name: str) -> str:
    server = ensure_postgres(VAR / "postgres", durable=False)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def shared_out(module: str, arguments: Sequence[Sequence[str]]) -> list[tuple[int, list[str]]]:
    """Run ``python -m module`` once for each list of arguments, at the same time; what each
    returned and printed."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", module, *each], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for each in arguments
    ]
    printed = [process.communicate()[0].splitlines() for process in running]
    return [(process.returncode, lines) for process, lines in zip(running, printed, strict=True)]
