"""``manage.py rindle_sweep_temp_files``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from rindle_django.management.base import ReportingCommand
from rindle_django.operations.recipes import SweepReport, sweep_temp_files


class Command(ReportingCommand):
    help = (
        "Removes working copies that killed work left on this machine, and unfinished files in "
        "the storages. Reports only, unless --no-dry-run."
    )
    limited = False
    unit = "folders"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--older-than",
            type=float,
            metavar="SECONDS",
            help="Untouched for so long (default: 4 hours; at least 1 hour and twice a lease).",
        )

    def work(self, **options: Any) -> SweepReport:
        return sweep_temp_files(older_than=options["older_than"], dry_run=options["dry_run"])

    def failures(self, report: SweepReport) -> int:
        return report.errors
