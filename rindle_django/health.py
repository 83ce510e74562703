"""A probe for django-health-check 4: the doctor's quick checks, for load balancers and monitoring.

Needs the package ``django-health-check``; nothing else in the library imports this module.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import Literal

from django.db import connections
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from rindle_django.conf import database
from rindle_django.operations.doctor import Diagnosis, diagnose

# None of these touches a storage, starts a process or reads more than a few rows.
QUICK = ("database.reachable", "workers.alive", "queues.worker_missing", "schedules.ticks", "rows")


@dataclasses.dataclass
class RindleHealthCheck(HealthCheck):  # type: ignore[misc]  # it has no types
    """``checks`` are ids of the doctor's, or the part of them before the dot.

    Any error makes the service unavailable. With ``fail_on="warn"`` warnings are reported, too:
    django-health-check then answers as for an error, which takes a node out of service. What is
    said names the checks and what they found, and holds no secrets.
    """

    checks: tuple[str, ...] = QUICK
    fail_on: Literal["error", "warn"] = "error"
    timeout: datetime.timedelta = dataclasses.field(
        default=datetime.timedelta(seconds=10), repr=False
    )

    def run(self) -> None:
        try:
            found = diagnose(only=self.checks)
        finally:
            if not connections[database()].in_atomic_block:
                connections[database()].close()  # that of a thread which ends with the request
        self._report(found)

    def _report(self, found: list[Diagnosis]) -> None:
        problems = [("error", ServiceUnavailable), ("warn", ServiceWarning)]
        for status, problem in problems[: 2 if self.fail_on == "warn" else 1]:
            if amiss := [each for each in found if each.status == status]:
                raise problem("; ".join(map(_said, amiss)))


def _said(each: Diagnosis) -> str:
    return f"{each.check}: {each.finding}"
