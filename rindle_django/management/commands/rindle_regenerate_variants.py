"""``manage.py rindle_regenerate_variants``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from rindle_django.management.base import ReportingCommand
from rindle_django.operations.recipes import RegenerateReport, regenerate_variants
from rindle_django.operations.recipes.regenerate import ONLY


class Command(ReportingCommand):
    help = (
        "Queues the variants that rindle_plan shows as stale or missing, and failed ones, to be "
        "made by today's recipes, behind all fresh work. Reports only, unless --no-dry-run. What "
        "is served stays served until its successor is ready."
    )
    by_profile = True
    unit = "variants"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--variant", metavar="NAME", help="Only the variant of this name.")
        parser.add_argument(
            "--only", choices=tuple(ONLY), default="all", help="Only these (default: %(default)s)."
        )
        parser.add_argument(
            "--purge-superfluous",
            action="store_true",
            help="Also remove the outputs of variants that are not declared any more.",
        )

    def work(self, **options: Any) -> RegenerateReport:
        return regenerate_variants(
            profile=options["profile"],
            variant=options["variant"],
            only=options["only"],
            dry_run=options["dry_run"],
            limit=options["limit"],
            purge_superfluous=options["purge_superfluous"],
        )

    def failures(self, report: RegenerateReport) -> int:
        return 0
