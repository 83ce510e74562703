"""A worker of the run: the real command, as a site's supervisor starts it."""

from __future__ import annotations

from collections.abc import Callable

from django.core.management import call_command
from django.db import connections


def worker(concurrency: int) -> Callable[[], None]:
    def body() -> None:
        connections.settings["default"]["CONN_MAX_AGE"] = 0  # as the documentation asks for
        call_command("procrastinate", "worker", "--concurrency", str(concurrency))

    return body
