"""What all ``rindle_*`` commands share: how they report and what they exit with."""

from __future__ import annotations

import json
from abc import abstractmethod
from argparse import BooleanOptionalAction
from dataclasses import asdict
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rindle_django.errors import Kind, RindleError
from rindle_django.lifecycle import caused_by

UNDONE, REFUSED = 1, 2
_BY_KIND = {
    Kind.REQUEST: REFUSED,
    Kind.CONFIGURATION: REFUSED,
    Kind.CONTENT: UNDONE,
    Kind.TRANSIENT: UNDONE,
}


class ReportingCommand(BaseCommand):
    """Runs ``work`` and prints its report as text or as one JSON document.

    Exits with 0 when clean, 1 when some of the work could not be done, 2 when it is refused.
    """

    # Whether it changes anything, and whether it has --limit.
    changes: ClassVar[bool] = True
    dry_run_default: ClassVar[bool] = True
    limited: ClassVar[bool] = True

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Flags are spelled out: half of one must not run something else (C1.1).
        return super().create_parser(prog_name, subcommand, allow_abbrev=False, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        if self.changes:
            self.add_dry_run(parser)
        if self.limited:
            parser.add_argument("--limit", type=int, help="Stop after this many rows.")
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def add_dry_run(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run",
            action=BooleanOptionalAction,
            default=self.dry_run_default,
            help="Only report what would be done.",
        )

    @abstractmethod
    def work(self, **options: Any) -> Any:
        """Do the work; return a report, a dataclass of counters."""

    @abstractmethod
    def failures(self, report: Any) -> int:
        """How many things in ``report`` could not be done."""

    def document(self, report: Any) -> dict[str, Any]:
        """``report`` as it is printed in JSON."""
        return asdict(report)

    def tell(self, report: Any) -> None:
        """Print ``report`` for people."""
        for name, value in self.document(report).items():
            self.stdout.write(f"{name}: {value}")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with caused_by(command=type(self).__module__.rsplit(".", 1)[-1]):
                report = self.work(**options)
        except RindleError as error:
            raise self._refused(error, options["format"]) from error
        code = UNDONE if self.failures(report) else 0
        if options["format"] == "json":
            self._print(self.document(report), code)
        else:
            if options.get("dry_run"):
                self.stdout.write(self.style.WARNING("Dry run: nothing was changed."))
            self.tell(report)
        if code:
            raise SystemExit(code)

    def _refused(self, error: RindleError, form: str) -> CommandError:
        code = _BY_KIND[error.kind]
        if form == "json":
            self._print({"error": error.code, "message": str(error)}, code)
        return CommandError(str(error), returncode=code)

    def _print(self, document: dict[str, Any], code: int) -> None:
        self.stdout.write(json.dumps({**document, "exit_code": code}, default=str))
