"""The figures of the home page: each is one bounded query, none reads a whole table.

Counts of rows that are at rest come from Postgres' statistics; storage per profile from a sample
of the ledger once it is large. Both say that they are estimates.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connections, transaction

from rindle_django.conf import database
from rindle_django.models import Asset, FailedVariant
from rindle_django.operations.doctor import CHECKS, Diagnosis, diagnose
from rindle_django.operations.status import RuntimeStatus, runtime_status

# What looking at the page has checked: nothing that asks a storage or starts a program (C4.2).
STARTING = frozenset({"images", "media"})
QUICK = tuple(
    check.id
    for check in CHECKS
    if not check.deep and check.place != "storage" and check.id.partition(".")[0] not in STARTING
)
MINUTES = 60
COUNTED, SAMPLED = 20_000, 3_000  # objects: up to how many all are read, else about how many
PATIENCE = 250  # milliseconds that a figure may take before the page goes without it

_ESTIMATED = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %s::regclass"

_REASONS = """
SELECT reason_code, count(*) FROM (
    SELECT reason_code FROM rindle_variant WHERE state = 'failed'
    ORDER BY updated_at DESC LIMIT %s
) AS newest GROUP BY reason_code ORDER BY count(*) DESC, reason_code
"""

# The newest first, by the index on the time; a site too busy for the bound shows fewer minutes.
_LATELY = """
SELECT floor(extract(epoch FROM statement_timestamp() - at) / 60)::int AS minutes_ago, count(*)
FROM (
    SELECT at FROM rindle_transition
    WHERE at > statement_timestamp() - interval '1 hour'
    ORDER BY at DESC LIMIT 100000
) AS lately GROUP BY 1
"""

# A subquery for the profile, not a join, for which Postgres would read all assets.
_STORED = """
SELECT coalesce(profile, ''), count(*), sum(byte_size)
FROM (SELECT (SELECT profile FROM rindle_asset WHERE id = stored.asset_id), byte_size
      FROM rindle_storedobject AS stored {sample} WHERE state = 'present') AS present
GROUP BY 1
"""


@dataclass(frozen=True)
class Reason:
    code: str
    count: int


@dataclass(frozen=True)
class Stored:
    """What the present objects of one profile's assets take up."""

    profile: str
    objects: int
    byte_size: int


@dataclass(frozen=True)
class Storage:
    profiles: list[Stored]
    estimated: bool
    known: bool = True


def estimated_rows(table: str) -> int:
    """About how many rows a table has, by the statistics that autovacuum keeps."""
    return int(_select(_ESTIMATED, [table])[0][0])


def failures_by_reason(limit: int = 10_000) -> list[Reason]:
    """Why the newest ``limit`` failed variants failed, most frequent first."""
    return [Reason(code or "", count) for code, count in _select(_REASONS, [limit])]


def transitions_per_minute() -> list[int]:
    """Committed transitions in each of the last sixty minutes, the oldest first."""
    counted = Counter({int(ago): count for ago, count in _select(_LATELY, [])})
    return [counted[ago] for ago in range(MINUTES - 1, -1, -1)]


def storage_by_profile() -> Storage:
    """Bytes and objects in storage, by profile; exact while the ledger is small.

    A large ledger is sampled by pages of the table, so that the cost does not grow with it.
    """
    rows = estimated_rows("rindle_storedobject")
    share = 1.0 if rows <= COUNTED else SAMPLED / rows
    sample = "" if share == 1.0 else f"TABLESAMPLE SYSTEM ({share * 100:.6f}) REPEATABLE (1)"
    found = _patiently(_STORED.format(sample=sample))
    if found is None:
        return Storage([], estimated=True, known=False)
    profiles = [
        Stored(name, round(count / share), round(int(total or 0) / share))
        for name, count, total in found
    ]
    profiles.sort(key=lambda each: -each.byte_size)
    return Storage(profiles, estimated=share < 1.0)


def recent_failures(limit: int = 5) -> list[FailedVariant]:
    newest = FailedVariant.objects.order_by("-updated_at").select_related("asset")
    return list(newest[:limit])


def quarantined(limit: int = 5) -> list[Asset]:
    newest = Asset.objects.filter(state="quarantined").order_by("-created_at")
    return list(newest[:limit])


def _select(sql: str, terms: Any) -> list[tuple[Any, ...]]:
    with connections[database()].cursor() as cursor:
        cursor.execute(sql, terms)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _patiently(sql: str) -> list[tuple[Any, ...]] | None:
    """The rows of a query, or None if it takes longer than a page may be waited for."""
    try:
        with transaction.atomic(using=database()):
            with connections[database()].cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {PATIENCE}")
            return _select(sql, [])
    except OperationalError:  # QueryCanceled
        return None


def doctor(*, full: bool = False) -> list[Diagnosis]:
    """What the doctor says; without ``full`` only what is quick and asks no storage."""
    return diagnose(only=None if full else QUICK)


def status() -> RuntimeStatus:
    return runtime_status(limit=3)
