"""Rows in bounded batches: what is done is behind, whatever stops the walk."""

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


def by_key(rows: QuerySet[Any, Any], budget: Budget, *, size: int = BATCH) -> Iterator[list[Any]]:
    """The keys of ``rows``, ascending; never more at a time than ``budget`` has left."""
    last: Any = None
    while not budget.spent:
        page = rows if last is None else rows.filter(pk__gt=last)
        found = list(page.order_by("pk").values_list("pk", flat=True)[: budget.of(size)])
        if not found:
            return
        last = found[-1]
        yield found


def newest_first(
    rows: QuerySet[Any, Any], budget: Budget, asset: str, *, size: int = BATCH
) -> Iterator[tuple[list[Any], set[Any]]]:
    """The keys of ``rows`` and of their assets (the field ``asset``), along the indexes that end in
    ``-created_at``: a batch costs as much as it holds, and what is newest is done first."""
    last: Any = None
    while not budget.spent:
        page = rows
        if last is not None:
            key, _, moment = last
            page = page.filter(created_at__lte=moment).exclude(created_at=moment, pk__lte=key)
        fields = page.order_by("-created_at", "pk").values_list("pk", asset, "created_at")
        found = list(fields[: budget.of(size)])
        if not found:
            return
        last = found[-1]
        yield [key for key, _, _ in found], {asset_id for _, asset_id, _ in found}
