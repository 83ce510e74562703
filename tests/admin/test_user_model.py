"""The admin with a user model of the project's own."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def empty_database() -> Iterator[str]:
    """URL of a database of its own on the test server: a user model is for a whole project."""
    url, name = os.environ["DATABASE_URL"], f"people_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(_renamed(url, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield _renamed(url, name)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _renamed(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def test_all_pages_and_a_verb_work_for_users_of_another_model(empty_database: str):
    done = subprocess.run(
        [sys.executable, "-m", "tests.admin.people.visit"],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DATABASE_URL": empty_database,
            "DJANGO_SETTINGS_MODULE": "tests.admin.people.settings",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.endswith("visited\n"), done.stdout + done.stderr
