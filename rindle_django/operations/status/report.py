"""What a status report consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rindle_django.operations.queues import QueueStatus


@dataclass(frozen=True)
class Finding:
    """Rows of one kind. ``count`` is exact up to ``reading.ENOUGH``; one more means more.

    ``oldest_seconds`` is the age of the oldest of those counted, ``samples`` are the ids of the
    first: of assets, or ``asset:variant``. ``verb`` is what mends them, ``reason`` the code that
    they have in common, if they have one.
    """

    kind: str
    subject: str
    count: int
    oldest_seconds: float | None
    samples: list[str]
    verb: str
    reason: str = ""


@dataclass(frozen=True)
class RuntimeStatus:
    """``counts`` maps a subject to its states that occur and how many rows are in each, up to the
    same bound."""

    generated_at: datetime
    profile: str | None
    older_than: float | None
    limit: int
    counts: Mapping[str, Mapping[str, int]]
    findings: list[Finding]
    queues: list[QueueStatus]
