"""``manage.py rindle_verify_storage``"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError, CommandParser

from rindle_django.management.base import ReportingCommand
from rindle_django.operations.verify import Rules, VerifyReport, verify_storage

USUAL = Rules()


class Command(ReportingCommand):
    help = (
        "Compares storages with the ledger, both ways. Reports only, unless --no-dry-run: then it "
        "remembers what it saw, deletes what has no row and marks variants that have no object, "
        "each only when a second run sees it again."
    )
    unit = "keys"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--storage", help="Only this STORAGES alias.")
        parser.add_argument(
            "--from-start", action="store_true", help="Do not go on where the last run stopped."
        )
        parser.add_argument(
            "--regenerate", action="store_true", help="Queue missing variants to be made again."
        )
        parser.add_argument("--plan", help="File for one line of JSON per difference.")
        parser.add_argument(
            "--min-age",
            type=float,
            default=USUAL.min_age,
            help="Seconds that an object or row must be old (default: %(default)s).",
        )
        parser.add_argument(
            "--apart",
            type=float,
            default=USUAL.apart,
            help="Seconds between two sightings, at least (default: %(default)s).",
        )
        parser.add_argument(
            "--max-share",
            type=float,
            default=USUAL.max_share * 100,
            help=(
                "Percentage of a storage that may be deleted or marked in one run (default: "
                "%(default)s). 100 lifts all limits."
            ),
        )

    def work(self, **options: Any) -> VerifyReport:
        rules = Rules(
            min_age=options["min_age"],
            apart=options["apart"],
            max_share=options["max_share"] / 100,
        )
        with ExitStack() as files:
            return verify_storage(
                dry_run=options["dry_run"],
                storage=options["storage"],
                limit=options["limit"],
                rules=rules,
                regenerate_missing=options["regenerate"],
                from_start=options["from_start"],
                plan=files.enter_context(_plan(options["plan"])) if options["plan"] else None,
            )

    def failures(self, report: VerifyReport) -> int:
        return report.failures


def _plan(path: str) -> IO[str]:
    try:
        return Path(path).open("w", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"The plan cannot be written: {error}", returncode=2) from error
