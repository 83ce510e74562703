"""The database of the test session."""

from __future__ import annotations

import os
from pathlib import Path

from example_project.services.locks import claim_number
from example_project.services.postgres import ensure_postgres

VAR = Path(__file__).resolve().parents[2] / "var" / "tests"


def database_url() -> str:
    """DATABASE_URL, or under pytest the URL of an embedded server, which is then started.

    Tools that only read the settings (mypy) get a URL that nobody answers. The URL goes to the
    environment, so that xdist's workers and the tests' own processes use the same server; a
    number keeps sessions that run at the same time in databases of their own.
    """
    if "DATABASE_URL" not in os.environ and "PYTEST_VERSION" in os.environ:
        name = f"rindle_{claim_number(VAR / 'sessions')}"
        url = ensure_postgres(VAR / "postgres", database=name, durable=False)
        os.environ["DATABASE_URL"] = url
    return os.environ.get("DATABASE_URL", "postgresql:///only-under-pytest")
