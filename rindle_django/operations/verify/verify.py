"""The whole of it: every storage scanned page by page, and what was seen twice remedied."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import IO

from rindle_django import events
from rindle_django.errors import Misconfigured, TransientFailure
from rindle_django.models import StoredObject
from rindle_django.operations.verify.compare import Page, pages
from rindle_django.operations.verify.course import Course, TakenOver, database_now
from rindle_django.operations.verify.findings import FINDINGS, Rules
from rindle_django.operations.verify.remedy import regenerate, remedy
from rindle_django.operations.verify.report import VerifyReport, write_plan
from rindle_django.profiles import registered
from rindle_django.progress import advanced
from rindle_django.storage import adapter_for

logger = logging.getLogger(__name__)


def verify_storage(
    *,
    dry_run: bool = True,
    storage: str | None = None,
    limit: int | None = None,
    rules: Rules | None = None,
    regenerate_missing: bool = False,
    from_start: bool = False,
    plan: IO[str] | None = None,
) -> VerifyReport:
    """Compare storages with the ledger, both ways; delete or mark what a second run sees again.

    A dry run writes nothing, not even what it saw, and begins at the start. Else a run goes on
    where the last one was broken off, by ``limit`` keys or by anything else. ``plan`` is written
    one line of JSON for each difference. Raises Misconfigured("unknown_storage").
    """
    if storage is not None and not StoredObject.objects.filter(storage=storage).exists():
        adapter_for(storage)  # a typo must not look like a clean storage (C1.5)
    report = VerifyReport(dry_run=dry_run)
    run = Run(rules or Rules(), report, limit, plan, from_start)
    for alias in [storage] if storage is not None else _storages():
        try:
            run.verify(alias)
            if regenerate_missing and not dry_run:
                regenerate(alias, report)
        except (TransientFailure, Misconfigured) as error:
            report.storages_unknown += 1
            logger.error("Storage %r could not be verified: %s", alias, error)
    _tell(report)
    return report


def _storages() -> list[str]:
    """Every storage that a profile uses or that the ledger knows of."""
    known = set(StoredObject.objects.values_list("storage", flat=True).distinct())
    return sorted(known | {profile.storage for profile in registered()})


@dataclass
class Run:
    """One call of ``verify_storage``, storage by storage. ``left`` is how many keys it may do."""

    rules: Rules
    report: VerifyReport
    left: int | None
    plan: IO[str] | None
    from_start: bool

    def verify(self, alias: str) -> None:
        dry_run = self.report.dry_run
        course = Course(alias, from_start=self.from_start, dry_run=dry_run)
        try:
            finished = self._scan(course)
            if finished and not dry_run:
                course.forget_unseen()
                remedy(course, self.rules, self.report)
                course.finish()
        except TakenOver:
            logger.warning("Another run goes on with storage %r.", alias)
            finished = False
        self.report.storages_finished += finished
        self.report.storages_unfinished += not finished

    def _scan(self, course: Course) -> bool:
        """Whether the storage's end was reached."""
        now = database_now()
        settled_before = now - timedelta(seconds=self.rules.min_age)
        if self.left == 0:
            return False
        for page in pages(course.alias, course.cursor, settled_before, self.left):
            self._outline(course, page, now - timedelta(seconds=self.rules.apart))
            course.advance(page)
            self._count(course.alias, page)
            if page.last:
                return True
        return False

    def _outline(self, course: Course, page: Page, seen_before: datetime) -> None:
        """Before the page is kept: then what was seen is what was seen before."""
        lines = course.outline(page.differences, seen_before)
        self.report.due += sum(line.action in ("delete", "mark") for line in lines)
        if self.plan is not None:
            write_plan(self.plan, lines)

    def _count(self, alias: str, page: Page) -> None:
        self.report.count(page.counts)
        advanced(page.seen)
        self.left = None if self.left is None else max(0, self.left - page.seen)
        for name, finding in FINDINGS.items():
            if finding.alarming and page.counts[name]:
                logger.error("Storage %r, %s: %s", alias, page.counts[name], finding.says)


def _tell(report: VerifyReport) -> None:
    counts = {name: int(value) for name, value in asdict(report).items() if name != "dry_run"}
    events.emit(
        "rindle.cleanup.run", {"worker": "verify_storage", "dry_run": report.dry_run}, counts
    )
