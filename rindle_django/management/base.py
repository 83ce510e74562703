"""What all ``rindle_*`` commands share: how they report and what they exit with."""

from __future__ import annotations

import json
from abc import abstractmethod
from argparse import BooleanOptionalAction
from dataclasses import asdict
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser

from rindle_django.lifecycle import caused_by


class ReportingCommand(BaseCommand):
    """Runs ``work`` and prints its report as text or as one JSON document.

    Exits with 0 when clean, 1 when some of the work could not be done, 2 on wrong usage.
    """

    dry_run_default: ClassVar[bool] = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run",
            action=BooleanOptionalAction,
            default=self.dry_run_default,
            help="Only report what would be done.",
        )
        parser.add_argument("--limit", type=int, help="Stop after this many rows.")
        parser.add_argument("--format", choices=("text", "json"), default="text")

    @abstractmethod
    def work(self, **options: Any) -> Any:
        """Do the work; return a report, a dataclass of counters."""

    @abstractmethod
    def failures(self, report: Any) -> int:
        """How many things in ``report`` could not be done."""

    def handle(self, *args: Any, **options: Any) -> None:
        with caused_by(command=type(self).__module__.rsplit(".", 1)[-1]):
            report = self.work(**options)
        failures = self.failures(report)
        self._print(asdict(report), failures, options["format"])
        if failures:
            raise SystemExit(1)

    def _print(self, counts: dict[str, Any], failures: int, form: str) -> None:
        if form == "json":
            self.stdout.write(json.dumps({**counts, "exit_code": 1 if failures else 0}))
            return
        if counts.get("dry_run"):
            self.stdout.write(self.style.WARNING("Dry run: nothing was changed."))
        for name, value in counts.items():
            self.stdout.write(f"{name}: {value}")
