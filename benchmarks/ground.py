"""Where the benchmarks run: Django on a database that is kept from run to run."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VAR = Path(__file__).resolve().parents[1] / "var" / "benchmarks"


def add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database",
        metavar="URL",
        help="A Postgres of your own, whose rows are replaced (default: an embedded one).",
    )
    parser.add_argument("--variants-each", type=int, default=3, metavar="N")


@contextmanager
def django_up(options: argparse.Namespace) -> Iterator[None]:
    from example_project.services.postgres import running_postgres

    if options.database:
        os.environ["DATABASE_URL"] = options.database
    os.environ["BENCHMARKS_VARIANTS_EACH"] = str(options.variants_each)
    with running_postgres(VAR / "postgres", database="benchmarks", durable=False) as url:
        os.environ["DATABASE_URL"] = url
        os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", verbosity=0, run_syncdb=True, interactive=False)
        yield
        connections.close_all()
