"""Rows in bounded batches by ascending key: what is done is behind, whatever stops the walk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

BATCH = 1000


class Budget:
    """How many rows may still be done; without a limit, all of them."""

    def __init__(self, limit: int | None) -> None:
        self.left = limit

    @property
    def spent(self) -> bool:
        return self.left == 0

    def spend(self, count: int) -> int:
        if self.left is not None:
            self.left = max(0, self.left - count)
        return count

    def of(self, size: int) -> int:
        return size if self.left is None else min(size, self.left)


def batches(
    rows: QuerySet[Any, Any], budget: Budget, *fields: str, size: int = BATCH
) -> Iterator[list[Any]]:
    """``fields`` (the key first) of ``rows``, never more at a time than ``budget`` has left."""
    last: Any = None
    while not budget.spent:
        page = rows if last is None else rows.filter(pk__gt=last)
        found = list(page.order_by("pk").values_list(*fields)[: budget.of(size)])
        if not found:
            return
        last = found[-1][0]
        yield found
