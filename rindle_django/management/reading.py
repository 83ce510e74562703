"""What the commands share that only look: no dry run to choose, a report for people or machines."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import Any, ClassVar

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from rindle_django.errors import RequestRefused
from rindle_django.management.base import ReportingCommand


class Unanswered(CommandError):
    """The database does not answer, or not in time."""


class ReadingCommand(ReportingCommand):
    """Exits with 0 when there is nothing to report at the threshold, 1 when there is, 2 when the
    question is refused."""

    changes: ClassVar[bool] = False
    limited: ClassVar[bool] = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--format",
            choices=("text", "json"),
            default="text",
            help="json: one document on standard output.",
        )

    @abstractmethod
    def document(self, report: Any) -> dict[str, Any]:
        """``report`` as it is printed in JSON."""

    @abstractmethod
    def tell(self, report: Any) -> None:
        """Print ``report`` for people."""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = self.work(**options)
        except RequestRefused as refusal:
            if options["format"] == "json":
                self._write({"error": refusal.code, "message": str(refusal)}, 2)
            raise CommandError(str(refusal), returncode=2) from refusal
        except (OperationalError, InterfaceError) as outage:
            why = (str(outage).strip().splitlines() or [type(outage).__name__])[0]
            if options["format"] == "json":
                self._write({"error": "database_unavailable", "message": why}, 1)
            raise Unanswered(f"The database does not answer: {why}.", returncode=1) from outage
        code = 1 if self.failures(report) else 0
        if options["format"] == "json":
            self._write(self.document(report), code)
        else:
            self.tell(report)
        if code:
            raise SystemExit(code)

    def _write(self, document: dict[str, Any], code: int) -> None:
        self.stdout.write(json.dumps({**document, "exit_code": code}, default=str))
