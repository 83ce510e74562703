"""``manage.py rindle_doctor``"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from rindle_django.management.base import ReportingCommand
from rindle_django.operations.doctor import CHECKS, Diagnosis, diagnose
from rindle_django.operations.doctor.diagnosis import SEVERITY, worst

WIDTH = max(len(check.id) for check in CHECKS) + 2


class Command(ReportingCommand):
    help = (
        "Looks whether the project is set up so that it can work, and names what to do where it is "
        "not. Changes nothing. Exits with 1 if there is something at or above --fail-on."
    )
    # Whatever is amiss is for this command itself to say, not for Django before it starts.
    requires_system_checks = []
    changes = False
    limited = False
    threshold = "error"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--deep",
            action="store_true",
            help="Ask for every invariant too: reads all rows and lists all storages.",
        )
        parser.add_argument(
            "--checksums",
            action="store_true",
            help="With --deep (which it implies): read every object and compare its SHA-256.",
        )
        parser.add_argument(
            "--only",
            nargs="+",
            metavar="CHECK",
            help="Only these checks: ids, or the part before the dot.",
        )
        parser.add_argument("--list", action="store_true", help="Name the checks and stop.")
        parser.add_argument(
            "--fail-on",
            choices=SEVERITY[1:],
            default="error",
            help="What makes the exit code 1 (default: %(default)s).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.threshold = options["fail_on"]
        if options["list"]:
            self._list(options["format"])
            return
        super().handle(*args, **options)

    def work(self, **options: Any) -> list[Diagnosis]:
        return diagnose(deep=options["deep"], checksums=options["checksums"], only=options["only"])

    def failures(self, report: list[Diagnosis]) -> int:
        least = SEVERITY.index(self.threshold)
        return sum(SEVERITY.index(each.status) >= least for each in report)

    def document(self, report: list[Diagnosis]) -> dict[str, Any]:
        counts = Counter(each.status for each in report)
        return {
            "status": worst(each.status for each in report),
            "counts": {status: counts[status] for status in SEVERITY},
            "diagnoses": [asdict(each) for each in report],
        }

    def tell(self, report: list[Diagnosis]) -> None:
        for each in report:
            mark = self._colour(each.status, f"{each.status:<7}")
            self.stdout.write(f"{mark}{each.check:<{WIDTH}}{each.finding}")
            if each.fix:
                self.stdout.write(f"{'':<{7 + WIDTH}}-> {each.fix}")
        counts = Counter(each.status for each in report)
        told = ", ".join(f"{counts[status]} {status}" for status in SEVERITY)
        self.stdout.write(self._colour(worst(each.status for each in report), f"{told}."))

    def _colour(self, status: str, text: str) -> str:
        styles = {"ok": self.style.SUCCESS, "warn": self.style.WARNING, "error": self.style.ERROR}
        return str(styles[status](text))

    def _list(self, form: str) -> None:
        if form == "json":
            checks = [
                {"check": each.id, "component": each.component, "looks_at": each.looks_at}
                for each in CHECKS
            ]
            self._print({"checks": checks}, 0)
            return
        for each in CHECKS:
            self.stdout.write(f"{each.id:<{WIDTH}}{each.looks_at}")
