"""``manage.py rindle_repair``"""

from __future__ import annotations

from argparse import BooleanOptionalAction
from typing import Any

from django.core.management.base import CommandParser

from rindle_django.errors import RequestRefused
from rindle_django.management.base import ReportingCommand
from rindle_django.operations import repair
from rindle_django.operations.repair import RepairReport

VERBS = {
    "reprobe": "read the original again and refresh what is known of it",
    "requeue": "queue failed, cancelled, stale and missing variants again",
    "cancel": "stop planned, queued and running variants",
    "unquarantine": "have a quarantined asset looked at again from the start",
}
OF_VARIANTS = ("requeue", "cancel")


class Command(ReportingCommand):
    help = "Repairs one asset. Reports only, unless --no-dry-run. " + " ".join(
        f"{verb}: {does}." for verb, does in VERBS.items()
    )
    # Repairs of different assets may run side by side, and of one asset as well.
    changes = False
    limited = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=tuple(VERBS), help="What to do.")
        parser.add_argument("asset", help="Id of the asset.")
        parser.add_argument(
            "--variant",
            action="append",
            metavar="NAME",
            help="Only this variant; for requeue and cancel, may be given several times.",
        )
        parser.add_argument(
            "--dry-run",
            action=BooleanOptionalAction,
            default=True,
            help="Only report what would be done.",
        )
        super().add_arguments(parser)

    def work(self, **options: Any) -> RepairReport:
        verb, names = options["verb"], options["variant"]
        if names and verb not in OF_VARIANTS:
            raise RequestRefused("request_invalid", why=f"--variant means nothing to {verb}")
        terms = {"names": names} if verb in OF_VARIANTS else {}
        report: RepairReport = getattr(repair, verb)(
            options["asset"], dry_run=options["dry_run"], **terms
        )
        return report

    def failures(self, report: RepairReport) -> int:
        return int(report.found_fault)

    def tell(self, report: RepairReport) -> None:
        self.stdout.write(f"{report.operation} of asset {report.asset_id}: {report.result}")
        if report.finding:
            self.stdout.write(self.style.ERROR(report.finding))
        for name, change in report.changes.items():
            self.stdout.write(f"  {name}: {_shown(change['from'])} -> {_shown(change['to'])}")


def _shown(value: object) -> str:
    return "none" if value in (None, "") else str(value)
