"""The course of one scan: where it goes on, what it has counted, and what it saw.

A page counts once it is committed, together with the cursor behind it. Whatever kills a run, the
next goes on from there.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import IntegrityError, connections, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from rindle_django.conf import database
from rindle_django.models import Sighting, StorageScan
from rindle_django.operations.verify.compare import Difference, Page
from rindle_django.operations.verify.report import Line, line_of

SIGHTED = frozenset({"orphan", "undead", "missing", "missing_original", "missing_upload"})


class TakenOver(Exception):
    """Another process goes on with this scan."""


class Course:
    """One scan of one storage. Nothing is written before its first page has come, nor by a dry run
    at any time: that one sees all from the start, and forgets it."""

    def __init__(self, alias: str, *, from_start: bool = False, dry_run: bool = False) -> None:
        self.alias = alias
        self.dry_run = dry_run
        self.holder = uuid.uuid4()
        self._known = StorageScan.objects.filter(storage=alias).first()
        anew = self._known is None or self._known.finished_at is not None or from_start
        before = self._known.run if self._known else 0
        self.run = before + 1 if anew else before
        self.anew = anew
        self.cursor, self.counts = "", Counter[str]()
        if self._known is not None and not anew and not dry_run:
            self.cursor, self.counts = self._known.cursor, Counter(self._known.counts)

    def advance(self, page: Page) -> None:
        """Keep a page and the place behind it. Raises TakenOver."""
        self.cursor = page.cursor
        self.counts.update(page.counts)
        if self.dry_run:
            return
        with transaction.atomic(using=database()):
            if not self._mine().exists():
                self._begin()
            self._sight(each for each in page.differences if each.finding in SIGHTED)
            self._write(cursor=self.cursor, counts=dict(self.counts))

    def finish(self) -> None:
        """Raises TakenOver."""
        self._write(finished_at=Now())

    def outline(self, differences: Iterable[Difference], seen_before: datetime) -> list[Line]:
        """What is to be done about each, by what is remembered of it."""
        known = self._remembered([each.key for each in differences if each.finding in SIGHTED])
        return [
            line_of(
                self.alias,
                each,
                sighting := known.get((each.key, each.finding)),
                is_due=sighting is not None
                and sighting.first_run < self.run
                and sighting.first_seen_at <= seen_before,
            )
            for each in differences
        ]

    def _remembered(self, keys: Sequence[str]) -> dict[tuple[str, str], Sighting]:
        rows = Sighting.objects.filter(storage=self.alias, key__in=keys) if keys else ()
        return {(row.key, row.finding): row for row in rows}

    def forget_unseen(self) -> None:
        """What this scan, which has come to its end, saw no more."""
        Sighting.objects.filter(storage=self.alias, last_run__lt=self.run).delete()

    def _mine(self) -> QuerySet[StorageScan]:
        return StorageScan.objects.filter(storage=self.alias, holder=self.holder)

    def _write(self, **fields: object) -> None:
        if not self._mine().update(**fields):
            raise TakenOver

    def _begin(self) -> None:
        """Take the scan, unless it is no longer where it was found."""
        if self._known is None:
            self._create()
            return
        found = StorageScan.objects.filter(
            storage=self.alias,
            run=self._known.run,
            cursor=self._known.cursor,
            holder=self._known.holder,
            finished_at=self._known.finished_at,
        )
        start = {"run": self.run, "started_at": Now(), "finished_at": None} if self.anew else {}
        if not found.update(holder=self.holder, **start):
            raise TakenOver

    def _create(self) -> None:
        try:
            with transaction.atomic(using=database()):
                StorageScan.objects.create(storage=self.alias, run=self.run, holder=self.holder)
        except IntegrityError:
            raise TakenOver from None

    def _sight(self, differences: Iterable[Difference]) -> None:
        Sighting.objects.bulk_create(
            [
                Sighting(
                    storage=self.alias,
                    key=each.key,
                    finding=each.finding,
                    modified_at=each.modified_at,
                    first_run=self.run,
                    last_run=self.run,
                )
                for each in differences
            ],
            update_conflicts=True,
            unique_fields=["storage", "key", "finding"],
            update_fields=["last_run", "last_seen_at", "modified_at"],
        )


def database_now() -> datetime:
    with connections[database()].cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
