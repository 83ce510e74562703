#!/usr/bin/env python
"""Django's commands for the example project, with a Postgres of its own if none is named."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    sys.path[0] = str(ROOT)  # Python puts this folder there, which would shadow the package
    from django.core.management import execute_from_command_line

    from example_project.services.postgres import running_postgres

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.config.settings")
    with running_postgres(ROOT / "var" / "example" / "postgres") as url:
        os.environ["DATABASE_URL"] = url
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
