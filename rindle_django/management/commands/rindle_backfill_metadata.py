"""``manage.py rindle_backfill_metadata``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from rindle_django.management.base import ReportingCommand
from rindle_django.operations.recipes import BackfillReport, backfill_metadata


class Command(ReportingCommand):
    help = (
        "Looks again at images, audio and video of which something is not known, and adds what it "
        "finds. Reports only, unless --no-dry-run."
    )
    by_profile = True
    unit = "assets"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--all",
            action="store_true",
            help="All of them, whatever is known.",
        )
        parser.add_argument(
            "--from-start",
            action="store_true",
            help="With --all: do not go on where the last run stopped.",
        )

    def work(self, **options: Any) -> BackfillReport:
        return backfill_metadata(
            profile=options["profile"],
            limit=options["limit"],
            dry_run=options["dry_run"],
            everything=options["all"],
            from_start=options["from_start"],
        )

    def failures(self, report: BackfillReport) -> int:
        return report.errors
