"""Receipts: what was deleted, when the storage confirmed its absence, and in which way.

They are the ledger's rows of objects that are gone. They name no person, no file and no owner, so
that they can be kept after all of these were erased.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rindle_django.models import Key, StoredObject

BATCH = 2000


@dataclass(frozen=True)
class Receipt:
    """One object's. ``attempts`` counts the deletions that the storage did not confirm."""

    object: UUID
    asset: UUID
    storage: str
    key: str
    purpose: str
    gone_at: datetime
    confirmation: str
    attempts: int


def receipts(*, asset: Key | None = None, since: datetime | None = None) -> Iterator[Receipt]:
    """All receipts, oldest first, a bounded number in memory; of one asset, or from a time on."""
    gone = StoredObject.objects.filter(state="gone").order_by("gone_at", "pk")
    if asset is not None:
        gone = gone.filter(asset_id=asset)
    if since is not None:
        gone = gone.filter(gone_at__gte=since)
    fields = "id", "asset_id", "storage", "key", "purpose", "gone_at", "confirmation", "attempts"
    for row in gone.values_list(*fields).iterator(chunk_size=BATCH):
        yield Receipt(*row)
