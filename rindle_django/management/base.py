"""What all ``rindle_*`` commands share: their flags, how they report and what they exit with."""

from __future__ import annotations

import json
from abc import abstractmethod
from argparse import ArgumentTypeError, BooleanOptionalAction
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import caused_by
from rindle_django.management.alone import alone
from rindle_django.management.meter import Meter
from rindle_django.management.refusals import (
    INTERRUPTED,
    REFUSED,
    UNDONE,
    Refused,
    told_plainly,
)
from rindle_django.profiles import get_profile, registered
from rindle_django.progress import followed_by

EXIT_CODES = (
    "Exit codes: 0 clean; 1 something could not be done or has to be looked at, or another run is "
    "at it; 2 refused; 130 interrupted."
)


def at_least_one(text: str) -> int:
    """The type of flags that count: a whole number from 1 on."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return number


class ReportingCommand(BaseCommand):
    """Runs ``work`` and prints its report as text or as one JSON document.

    Exits with 0 when clean, 1 when some of the work could not be done or another run is at it, 2
    when it is refused, 130 after Ctrl-C. What changes things runs one at a time.
    """

    # Whether it changes anything: then it has --dry-run and runs alone.
    changes: ClassVar[bool] = True
    dry_run_default: ClassVar[bool] = True
    # Whether it has --limit and --profile; ``work`` gets the latter as a list of names or None.
    limited: ClassVar[bool] = True
    by_profile: ClassVar[bool] = False
    # What ``progress.advanced`` counts in it.
    unit: ClassVar[str] = "rows"

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Flags are spelled out: half of one must not run something else (C1.1).
        usual = {"allow_abbrev": False, "epilog": EXIT_CODES}
        return super().create_parser(prog_name, subcommand, **{**usual, **kwargs})

    def add_arguments(self, parser: CommandParser) -> None:
        if self.changes:
            parser.add_argument(
                "--dry-run",
                action=BooleanOptionalAction,
                default=self.dry_run_default,
                help="Only report what would be done.",
            )
        if self.limited:
            parser.add_argument(
                "--limit", type=at_least_one, help=f"Stop after this many {self.unit}."
            )
        if self.by_profile:
            parser.add_argument(
                "--profile",
                action="append",
                metavar="NAME",
                help="Only assets of this profile; may be given several times.",
            )
        parser.add_argument(
            "--format",
            choices=("text", "json"),
            default="text",
            help="json: one document on standard output.",
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

    def report(self, report: Any, *, code: int, options: dict[str, Any]) -> None:
        """Print ``report`` in the form that was asked for."""
        if options["format"] == "json":
            self._print(self.document(report), code)
            return
        if options.get("dry_run"):
            self.stdout.write(self.style.WARNING("Dry run: nothing was changed."))
        self.tell(report)

    def handle(self, *args: Any, **options: Any) -> None:
        meter = Meter(self.stderr, self.unit, quiet=options["verbosity"] == 0)
        try:
            code = self.answer(meter, options)
        except KeyboardInterrupt:
            self._say_interrupted(meter, as_json=options["format"] == "json")
            raise SystemExit(INTERRUPTED) from None
        if code:
            raise SystemExit(code)

    def answer(self, meter: Meter, options: dict[str, Any]) -> int:
        """Do the work and print what came of it; returns the exit code. Raises CommandError."""
        try:
            report = self._run(meter, options)
        except CommandError as refusal:
            if options["format"] == "json":
                self._print(
                    {"error": getattr(refusal, "code", "refused"), "message": str(refusal)},
                    refusal.returncode,
                )
            raise
        code = UNDONE if self.failures(report) else 0
        self.report(report, code=code, options=options)
        return code

    def _run(self, meter: Meter, options: dict[str, Any]) -> Any:
        name = type(self).__module__.rsplit(".", 1)[-1]
        with told_plainly():
            if self.by_profile:
                _check_profiles(options["profile"] or [])
            with (
                self._undisturbed(name, options),
                caused_by(command=name),
                followed_by(meter.advance),
            ):
                try:
                    return self.work(**options)
                finally:
                    meter.clear()

    @contextmanager
    def _undisturbed(self, name: str, options: dict[str, Any]) -> Iterator[None]:
        if not self.changes or options["dry_run"]:
            yield
            return
        with alone(name):
            yield

    def _say_interrupted(self, meter: Meter, *, as_json: bool) -> None:
        if as_json:
            self._print({"interrupted": True, "done": meter.done}, INTERRUPTED)
        self.stderr.write(
            f"Interrupted after {meter}. What is done stays done; run it again to go on."
        )

    def _print(self, document: dict[str, Any], code: int) -> None:
        self.stdout.write(json.dumps({**document, "exit_code": code}, default=str))


def _check_profiles(names: list[str]) -> None:
    for name in names:
        try:
            get_profile(name)
        except RequestRefused as error:
            known = ", ".join(sorted(profile.name for profile in registered())) or "none"
            text = f"{error} Registered: {known}."
            raise Refused(text, returncode=REFUSED, code=error.code) from error
