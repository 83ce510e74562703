"""``manage.py rindle_abort_incomplete_uploads``"""

from __future__ import annotations

from typing import Any

from rindle_django.management.base import ReportingCommand
from rindle_django.operations.cleanup import AbortReport, abort_incomplete_uploads


class Command(ReportingCommand):
    help = "Marks uploads whose time is over as expired; rindle_cleanup_orphans removes them."
    dry_run_default = False
    by_profile = True
    unit = "uploads"

    def work(self, **options: Any) -> AbortReport:
        return abort_incomplete_uploads(
            dry_run=options["dry_run"], limit=options["limit"], profile=options["profile"]
        )

    def failures(self, report: AbortReport) -> int:
        return report.abort_errors
