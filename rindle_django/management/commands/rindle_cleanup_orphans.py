"""``manage.py rindle_cleanup_orphans``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from rindle_django.management.base import ReportingCommand
from rindle_django.operations.cleanup import CleanupReport, cleanup_orphans


class Command(ReportingCommand):
    help = (
        "Removes ended uploads with their bytes, and quarantined or unattached assets past their "
        "time. Reports only, unless --no-dry-run."
    )
    by_profile = True
    unit = "assets"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--storage", help="Only assets in this STORAGES alias.")

    def work(self, **options: Any) -> CleanupReport:
        return cleanup_orphans(
            dry_run=options["dry_run"],
            storage=options["storage"],
            limit=options["limit"],
            profile=options["profile"],
        )

    def failures(self, report: CleanupReport) -> int:
        return report.storage_errors
