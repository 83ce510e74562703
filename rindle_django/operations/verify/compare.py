"""One walk along a storage's listing and the ledger, both in the order of their keys.

Neither is a snapshot: what differs is looked up again before it counts as a difference. A row is
committed before its object and outlives it, so what is listed and has no row afterwards, never
had one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from rindle_django.errors import TransientFailure
from rindle_django.models import StoredObject
from rindle_django.operations.verify.findings import MISSING, origin_of
from rindle_django.storage import Listed, adapter_for
from rindle_django.storage.listing import byte_order

PAGE = 2000


class Recorded(NamedTuple):
    """What the ledger knows of a key."""

    key: str
    id: UUID
    state: str
    purpose: str
    byte_size: int | None
    updated_at: datetime


@dataclass(frozen=True)
class Held:
    """What a storage has under a key, all together. ``size`` is None if no object can be read."""

    key: str
    size: int | None
    modified_at: datetime


@dataclass(frozen=True)
class Difference:
    finding: str
    key: str
    modified_at: datetime | None = None


@dataclass
class Page:
    """A stretch of keys up to ``cursor``: how many there were, and what differs. ``last`` says that
    the storage ends with it."""

    cursor: str
    last: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    @property
    def seen(self) -> int:
        return self.counts["keys"] + self.counts["rows_alone"]


def pages(
    alias: str, after: str, settled_before: datetime, limit: int | None = None
) -> Iterator[Page]:
    """The storage beyond the key ``after``, up to ``limit`` keys of it.

    What came or changed since ``settled_before`` is left alone. Raises TransientFailure as soon as
    the storage does not answer: then nothing is known of the rest. The last page may be empty.
    """
    page, left = Page(after), limit
    for row, held in _side_by_side(alias, after):
        key = _compare(page, row, held, settled_before)
        if page.seen >= (PAGE if left is None else min(PAGE, left)) and _can_be_kept(key):
            page.cursor = key
            yield _looked_up(alias, page)
            left = None if left is None else left - page.seen
            if left is not None and left <= 0:
                return
            page = Page(key)
    page.last = True
    yield _looked_up(alias, page)


# --- the walk ----------------------------------------------------------------------------------


def _side_by_side(alias: str, after: str) -> Iterator[tuple[Recorded | None, Held | None]]:
    things = _held(alias, adapter_for(alias).list_objects(after))
    thing = next(things, None)  # a storage that does not answer does so before anything is read
    rows = _recorded(alias, after)
    row = next(rows, None)
    while row is not None or thing is not None:
        if row is not None and thing is not None and row.key == thing.key:
            yield row, thing
            row, thing = next(rows, None), next(things, None)
        elif thing is None or (row is not None and byte_order(row.key) < byte_order(thing.key)):
            yield row, None
            row = next(rows, None)
        else:
            yield None, thing
            thing = next(things, None)


def _recorded(alias: str, after: str) -> Iterator[Recorded]:
    """Rows of all that may exist. Of what is gone there can be far more; see ``_looked_up``."""
    rows = StoredObject.objects.filter(storage=alias).exclude(state="gone").order_by("key")
    fields = rows.values_list("key", "id", "state", "purpose", "byte_size", "updated_at")
    while page := list(fields.filter(key__gt=after)[:PAGE]):
        yield from map(Recorded._make, page)
        after = page[-1][0]


def _held(alias: str, listing: Iterable[Listed]) -> Iterator[Held]:
    last = b""
    for key, things in groupby(listing, key=lambda each: each.key):
        order = byte_order(key)
        if order <= last:  # then what has not come yet would look as if it were not there
            raise TransientFailure(
                "storage_unavailable",
                alias=alias,
                operation="list_objects",
                detail="a listing out of order",
            )
        last = order
        yield _together(key, things)


def _together(key: str, things: Iterable[Listed]) -> Held:
    first, *others = things
    held = [first, *others]
    readable = [each.size for each in held if each.kind == "object"]
    newest = max(each.modified_at for each in held)
    return Held(key, readable[0] if readable else None, newest)


def _can_be_kept(key: str) -> bool:
    """Whether a key is text; that of somebody else's file may be none."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in key


# --- judgement ---------------------------------------------------------------------------------


def _compare(page: Page, row: Recorded | None, held: Held | None, before: datetime) -> str:
    """Count a key and suspect what differs; returns the key."""
    page.counts["keys"] += held is not None
    page.counts["rows"] += row is not None
    page.counts["rows_alone"] += held is None
    if row is None and held is not None:
        if held.modified_at <= before:
            page.differences.append(Difference("orphan", held.key, held.modified_at))
    elif row is not None and row.state == "present" and row.updated_at <= before:
        if held is None or held.size is None:
            page.differences.append(Difference(MISSING[row.purpose], row.key))
        elif row.byte_size not in (None, held.size):
            page.differences.append(Difference("altered", row.key, held.modified_at))
    return row.key if row is not None else held.key if held is not None else ""


def _looked_up(alias: str, page: Page) -> Page:
    """The page with those differences only that are there still, and no longer mere suspicion."""
    keys = [each.key for each in page.differences if _can_be_kept(each.key)]
    rows = StoredObject.objects.filter(storage=alias, key__in=keys)
    states = dict(rows.values_list("key", "state")) if keys else {}
    judged = [
        Difference(finding, each.key, each.modified_at)
        for each in page.differences
        if (finding := _judged(each, states.get(each.key))) is not None
    ]
    page.differences = judged
    page.counts.update(each.finding for each in judged)
    return page


def _judged(difference: Difference, state: str | None) -> str | None:
    if difference.finding != "orphan":
        return difference.finding if state == "present" else None
    if state is not None:
        return "undead" if state == "gone" else None
    return "orphan" if origin_of(difference.key) else "foreign"
