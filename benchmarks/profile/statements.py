"""What Postgres does for a photo, by its own count."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.processes import cpu_seconds

SERVER = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_planning": "on",
}
SEEN = """
SELECT query, calls, total_plan_time, total_exec_time
FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
WHERE datname = current_database() AND query NOT LIKE '%pg_stat%'
"""
LONGEST = 110
LIST = re.compile(r"^SELECT (?!.*?\().*? FROM")


@dataclass(frozen=True)
class Statement:
    """How often it is sent, and milliseconds in all."""

    text: str
    calls: float
    planning: float
    executing: float


def prepare() -> None:
    _execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


def forget() -> None:
    _execute("SELECT pg_stat_statements_reset()")


def seen() -> list[Statement]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(SEEN)
        return [Statement(*row) for row in cursor.fetchall()]


def of_a_photo(asked: Sequence[Statement], photos: int) -> list[Statement]:
    """What takes most first."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for each in asked:
        text = _short(each.text)
        here = (each.calls, each.planning, each.executing)
        sums[text] = [so_far + more for so_far, more in zip(sums[text], here, strict=True)]
    found = [Statement(text, *(value / photos for value in sums[text])) for text in sums]
    return sorted(found, key=lambda each: each.planning + each.executing, reverse=True)


def background_seconds() -> float:
    """Of processors, by those processes of the server that serve no connection."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE backend_type <> 'client backend'")
        return sum(cpu_seconds(pid) for (pid,) in cursor.fetchall())


def _short(text: str) -> str:
    """On one line, without the list of columns."""
    line = LIST.sub("SELECT … FROM", " ".join(text.replace('"', "").split()))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _execute(statement: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
