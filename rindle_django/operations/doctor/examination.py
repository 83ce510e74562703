"""Running the checks: each for itself, so that one that fails costs only its own answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from contextlib import nullcontext

from rindle_django import events
from rindle_django.errors import RequestRefused, RindleError, reason_text
from rindle_django.operations.doctor import deep as invariants, storages
from rindle_django.operations.doctor.database import outage
from rindle_django.operations.doctor.diagnosis import (
    Check,
    Diagnosis,
    Observation,
    error,
    ok,
    warn,
    worst,
)
from rindle_django.operations.doctor.registry import CHECKS
from rindle_django.operations.reading import reading

logger = logging.getLogger(__name__)
UNANSWERED = warn("Not looked at: the database does not answer.", "See database.reachable.")


def diagnose(
    *, deep: bool = False, checksums: bool = False, only: Collection[str] | None = None
) -> list[Diagnosis]:
    """What every check has to say, in the order of the table; nothing is changed or repaired.

    ``deep`` asks for the invariants too, which reads all rows and lists all storages;
    ``checksums`` has every object read. ``only`` narrows to some checks, by their id or by the
    part of it before the dot. Raises RequestRefused("unknown_check").
    """
    chosen = _chosen(only, deep=deep or checksums)
    away = outage() if any(check.place != "process" for check in chosen) else None
    with invariants.reading_bytes(checksums), storages.waiting_once():
        return [each for check in chosen for each in _examine(check, reachable=away is None)]


def _chosen(only: Collection[str] | None, *, deep: bool) -> list[Check]:
    if only is None:
        return [check for check in CHECKS if deep or not check.deep]
    known = {name for check in CHECKS for name in _names(check)}
    for name in only:
        if name not in known:
            raise RequestRefused("unknown_check", check=name)
    return [check for check in CHECKS if not {*only}.isdisjoint(_names(check))]


def _names(check: Check) -> tuple[str, str]:
    return check.id, check.id.partition(".")[0]


def _examine(check: Check, *, reachable: bool) -> list[Diagnosis]:
    if not reachable and check.place != "process":
        # An outage is one finding. What was not seen is neither fine nor broken (C2.25).
        return _told(check, [UNANSWERED])
    began = time.perf_counter()
    seen = _look(check)
    events.emit(
        "rindle.runtime.check.stop",
        {
            "check": check.id,
            "component": check.component,
            "status": worst(each.status for each in seen),
        },
        {"duration": round((time.perf_counter() - began) * 1_000_000)},
    )
    return _told(check, seen)


def _look(check: Check) -> list[Observation]:
    try:
        with reading() if check.place == "database" else nullcontext():
            return list(check.look()) or [ok(check.fine)]
    except Exception as fault:
        if not isinstance(fault, RindleError):
            logger.exception("Check %s could not be completed", check.id)
        return [
            error(
                f"The check could not be completed: {reason_text(fault).rstrip('.')}.",
                "What it looks at is unknown. Mend the reason, and ask again.",
            )
        ]


def _told(check: Check, seen: Sequence[Observation]) -> list[Diagnosis]:
    return [
        Diagnosis(check.id, check.component, each.status, each.finding, each.fix) for each in seen
    ]
