"""Django on a fresh, durable Postgres."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def durable_ground() -> Iterator[Path]:
    """Set Django up with empty tables; gives the folder that all is in until the end."""
    from example_project.services.postgres import running_postgres

    with tempfile.TemporaryDirectory(prefix="rindle-upkeep-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the database server has a user of its own
        with running_postgres(folder / "postgres", database="upkeep", durable=True) as url:
            os.environ |= {
                "DATABASE_URL": url,
                "DJANGO_SETTINGS_MODULE": "benchmarks.upkeep.settings",
                "BENCHMARK_FOLDER": str(folder),
            }
            import django
            from django.core.management import call_command
            from django.db import connections

            django.setup()
            call_command("migrate", verbosity=0, run_syncdb=True, interactive=False)
            try:
                yield folder
            finally:
                connections.close_all()
