"""``manage.py rindle_runtime_status``"""

from __future__ import annotations

import shutil
import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from dataclasses import asdict
from io import StringIO
from itertools import zip_longest
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from rindle_django.management.base import ReportingCommand
from rindle_django.management.meter import Meter
from rindle_django.management.refusals import Refused
from rindle_django.operations.queues import QueueStatus
from rindle_django.operations.reading import ENOUGH, for_long
from rindle_django.operations.status import Finding, RuntimeStatus, runtime_status
from rindle_django.operations.status.kinds import NAMES

REFRESH = 2.0
# The terminal's own codes: home, and everything from here on erased.
HOME, ERASE_LINE, ERASE_REST = "\x1b[H", "\x1b[K", "\x1b[J"
HIDE, SHOW, CLEAR = "\x1b[?25l", "\x1b[?25h", "\x1b[2J"


def number(text: str) -> int | float:
    """What may be a number is judged, and refused, by the report itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise ArgumentTypeError(f"{text!r} is no number")


class Command(ReportingCommand):
    help = (
        "Reports what is stuck, degraded, failed or piling up, each with the verb that mends it. "
        "Changes nothing. Exits with 1 if a kind that --fail-on names was found."
    )
    requires_system_checks = []
    changes = False
    limited = False
    alarming: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--profile", help="Only of this profile; queues are those of all.")
        parser.add_argument(
            "--older-than", type=number, metavar="SECONDS", help="Leave out what is younger."
        )
        parser.add_argument(
            "--limit",
            type=number,
            default=5,
            help="Samples of each finding, 1 to 1,000 (default: %(default)s).",
        )
        parser.add_argument(
            "--fail-on",
            nargs="+",
            choices=NAMES,
            default=[],
            metavar="KIND",
            help=f"Exit with 1 if any of these is found: {', '.join(NAMES)}.",
        )
        parser.add_argument(
            "--watch",
            nargs="?",
            type=float,
            const=REFRESH,
            metavar="SECONDS",
            help="Show it again every so many seconds (default: 2), until Ctrl-C.",
        )
        # Not by ``choices``: an impossible format is refused, and told of, like any other filter.
        parser.add_argument("--format", default="text", metavar="{text,json}")

    def handle(self, *args: Any, **options: Any) -> None:
        self.alarming = tuple(options["fail_on"])
        if options["watch"] is None:
            super().handle(*args, **options)
        else:
            meter = Meter(self.stderr, self.unit, quiet=True)
            self._watch(lambda: self.answer(meter, options), options["watch"])

    def _watch(self, show: Callable[[], object], pause: float) -> None:
        """Again and again in place, until Ctrl-C; the terminal is left as it was found."""
        if not 0.1 <= pause <= 3_600:
            raise CommandError("--watch takes 0.1 to 3,600 seconds.", returncode=2)
        screen = self.stdout
        in_place = screen.isatty()
        screen.write(HIDE + CLEAR if in_place else "", ending="")
        try:
            while True:
                page = self._page(show)
                screen.write(_over(page) if in_place else page, ending="")
                screen.flush()
                time.sleep(pause)
        except KeyboardInterrupt:
            pass
        finally:
            self.stdout = screen
            screen.write(SHOW if in_place else "", ending="")

    def _page(self, show: Callable[[], object]) -> str:
        self.stdout = OutputWrapper(page := StringIO())
        try:
            show()
        except Refused as outage:
            if outage.code != "database_unavailable":
                raise
            self.stdout.write(str(outage))  # watched until it is over
        return page.getvalue()

    def work(self, **options: Any) -> RuntimeStatus:
        return runtime_status(
            profile=options["profile"],
            older_than=options["older_than"],
            limit=options["limit"],
            mode=options["format"],
        )

    def failures(self, report: RuntimeStatus) -> int:
        return sum(each.kind in self.alarming for each in report.findings)

    def document(self, report: RuntimeStatus) -> dict[str, Any]:
        return asdict(report)

    def tell(self, report: RuntimeStatus) -> None:
        about = f"profile {report.profile}" if report.profile else "all profiles"
        self.stdout.write(f"{report.generated_at:%Y-%m-%d %H:%M:%S} UTC, {about}")
        self._heading("Rows")
        for subject, states in report.counts.items():
            self.stdout.write(f"  {subject:<8} {_states(states)}")
        self._heading("Queues")
        self._table(QUEUES, [_queue_line(each) for each in report.queues])
        self._heading("Findings")
        if not report.findings:
            self.stdout.write(self.style.SUCCESS("  none"))
        for finding in report.findings:
            self._finding(finding)

    def _finding(self, finding: Finding) -> None:
        reason = f" ({finding.reason})" if finding.reason else ""
        age = (
            "" if finding.oldest_seconds is None else f", oldest {for_long(finding.oldest_seconds)}"
        )
        what = f"{finding.kind} {finding.subject}: {_count(finding.count)}{reason}{age}"
        paint = self.style.ERROR if finding.kind in self.alarming else self.style.WARNING
        self.stdout.write(f"  {paint(what)}")
        self.stdout.write(f"    -> {finding.verb}")
        for sample in finding.samples:
            self.stdout.write(f"       {sample}")

    def _heading(self, text: str) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(text))

    def _table(self, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        widths = [max(map(len, column)) for column in zip_longest(header, *rows, fillvalue="")]
        for row in (header, *rows):
            first, *rest = (
                cell.ljust(width) if at == 0 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            self.stdout.write("  " + "  ".join([first, *rest]))


def _over(page: str) -> str:
    """``page`` over what is on the screen, without a blink, and no longer than the screen is."""
    lines = page.splitlines()[: shutil.get_terminal_size().lines - 1]
    return HOME + "".join(f"{line}{ERASE_LINE}\n" for line in lines) + ERASE_REST


QUEUES = ("queue", "due", "doing", "oldest", "per minute", "workers")


def _queue_line(each: QueueStatus) -> tuple[str, ...]:
    oldest = "-" if each.oldest_seconds is None else for_long(each.oldest_seconds)
    counted = _count(each.waiting), str(each.doing), oldest, f"{each.per_minute:g}"
    return each.queue, *counted, str(each.workers)


def _states(states: Mapping[str, int]) -> str:
    return ", ".join(f"{_count(count)} {state}" for state, count in states.items()) or "none"


def _count(count: int) -> str:
    return f"{ENOUGH:,}+" if count > ENOUGH else f"{count:,}"
