"""The words of the doctor: what is looked at, what was seen, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "error"]
SEVERITY: tuple[Status, ...] = ("ok", "warn", "error")


@dataclass(frozen=True)
class Diagnosis:
    """What one check has to say. ``fix`` is empty where all is well."""

    check: str
    component: str
    status: Status
    finding: str
    fix: str = ""


@dataclass(frozen=True)
class Observation:
    """What a check saw, before it is known whose it is."""

    status: Status
    finding: str
    fix: str = ""


@dataclass(frozen=True)
class Check:
    """``looks_at`` is what it is about, ``fine`` what is said if nothing is seen.

    ``place`` is what it needs: nothing but this process, the database (in a transaction that can
    change nothing), or a storage as well, which is never called in a transaction.
    """

    id: str
    component: str
    looks_at: str
    look: Callable[[], Iterable[Observation]]
    fine: str = "As it should be."
    place: Literal["process", "database", "storage"] = "database"
    deep: bool = False


def ok(finding: str) -> Observation:
    return Observation("ok", finding)


def warn(finding: str, fix: str) -> Observation:
    return Observation("warn", finding, fix)


def error(finding: str, fix: str) -> Observation:
    return Observation("error", finding, fix)


def worst(statuses: Iterable[Status]) -> Status:
    return max(statuses, key=SEVERITY.index, default="ok")
