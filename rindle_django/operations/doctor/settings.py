"""What the library's Django system checks say, and how workers are set up, as far as it shows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from django.conf import settings
from django.core.checks import ERROR, CheckMessage, run_checks
from django.db import connections
from procrastinate.contrib.django import app

from rindle_django.conf import database
from rindle_django.operations.doctor.diagnosis import Observation, error, warn

# What a system check is about, by its number or the first digits of it; all others: settings. What
# is left out of those has a check here that looks closer.
_SUBJECTS = {
    "01": "database",
    "02": "profiles",
    "E004": "schedules",
    "W001": "schedules",
    "W005": "schedules",
    "W006": "schedules",
    "W007": "temp",
    "W011": "guard",
    "W002": "images",
    "W003": "images",
    "W013": "media",
    "W014": "profiles",
}


def _subject_of(message: CheckMessage) -> str:
    number = (message.id or "").rpartition(".")[2]
    return _SUBJECTS.get(number) or _SUBJECTS.get(number[1:3] if number[:1] == "E" else "", "")


def system_checks(subject: str = "") -> Callable[[], Iterator[Observation]]:
    """A look at those of the library's system checks that are about ``subject``."""

    def look() -> Iterator[Observation]:
        for message in run_checks(tags=["rindle"], include_deployment_checks=not settings.DEBUG):
            if _subject_of(message) == subject and not message.is_silenced():
                say = error if message.level >= ERROR else warn
                yield say(f"{message.id}: {message.msg}", str(message.hint or ""))

    return look


def concurrency() -> Iterator[Observation]:
    """asyncio's threads are ``min(32, cpu + 4)``; what a worker fetches beyond that waits in it."""
    wanted, threads = int(app.worker_defaults.get("concurrency", 1)), _threads()
    if wanted > threads:
        yield warn(
            f"Workers fetch {wanted} jobs at a time, but have {threads} threads here: the others "
            "wait in a worker while no one else can take them.",
            f"Set concurrency in PROCRASTINATE_WORKER_DEFAULTS to at most {threads}; for making "
            "variants, to the number of cores less one.",
        )


def _threads() -> int:
    return min(32, (os.cpu_count() or 1) + 4)


def connection() -> Iterator[Observation]:
    held = connections[database()].settings_dict
    age = held.get("CONN_MAX_AGE", 0)
    if (age is None or age > 0) and not held.get("CONN_HEALTH_CHECKS"):
        yield warn(
            "Connections are kept and never checked (CONN_MAX_AGE without CONN_HEALTH_CHECKS): "
            "after a restart of the database the first request or job of each thread fails.",
            "Set CONN_HEALTH_CHECKS = True, and CONN_MAX_AGE = 0 for workers.",
        )
