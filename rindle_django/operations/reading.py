"""Looking without touching: transactions that can change nothing, and counts that stop in time.

Works on a replica and on a connection that may only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from rindle_django.conf import database

# Above this a number of rows is only called "more than", however many there are.
ENOUGH = 10_000
SECONDS = 30


@contextmanager
def reading(seconds: float = SECONDS) -> Iterator[CursorWrapper]:
    """A transaction in which nothing can be written and no statement takes longer than that."""
    connection = connections[database()]
    nested = connection.in_atomic_block
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        if not nested:  # else it would go on to hold for the caller's own statements
            cursor.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
        yield cursor


def select(query: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of one query, on the connection of our rows."""
    with connections[database()].cursor() as cursor:
        cursor.execute(query, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def said(count: int, thing: str) -> str:
    """A bounded count in words: ``1 asset``, ``12 assets``, ``more than 10,000 working copies``."""
    if count == 1:
        return f"1 {thing}"
    number = f"more than {ENOUGH:,}" if count > ENOUGH else f"{count:,}"
    return f"{number} {thing.removesuffix('y')}{'ies' if thing.endswith('y') else 's'}"


def for_long(seconds: float) -> str:
    """A duration in the largest unit that gives at least two of it."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
