"""A real worker process, as an adopter's supervisor would start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60


def environment(**extra: str) -> dict[str, str]:
    """That of the tests, pointed at the test's own database and storage."""
    name = connection.settings_dict["NAME"]
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    storages: dict[str, Any] = settings.STORAGES
    folders = {
        alias: str(storages[alias]["OPTIONS"]["location"]) for alias in ("default", "public")
    }
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "tests.jobs.worker_settings",
        "RINDLE_TEST_FOLDER": folders["default"],
        "RINDLE_TEST_PUBLIC_FOLDER": folders["public"],
        **extra,
    }


def command(*options: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "django",
        "procrastinate",
        "worker",
        "--no-listen-notify",
        *options,
    ]


def work(*options: str, **extra: str) -> None:
    """Run a worker until no job is due."""
    done = subprocess.run(
        command("--one-shot", *options),
        cwd=ROOT,
        env=environment(**extra),
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def working(*options: str, **extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker beside the test, in a process group of its own; killed at the end, come what may."""
    process = subprocess.Popen(
        command(*options),
        cwd=ROOT,
        env=environment(**extra),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of the worker alone: what it started has to notice by itself."""
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE)


def wait_for(what: str, holds: Callable[[], object]) -> None:
    """Ask the database until ``holds``; the time between two looks is Postgres' to pass."""
    for _ in range(PATIENCE * 25):
        if holds():
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.02)")
    raise AssertionError(f"in vain: {what}")
