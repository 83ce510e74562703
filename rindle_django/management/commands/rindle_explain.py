"""``manage.py rindle_explain``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils.timezone import localtime

from rindle_django.management.base import ReportingCommand
from rindle_django.operations.explain import Story, explain


class Command(ReportingCommand):
    help = (
        "Tells the story of one asset in plain words: where it is and why, what happened, what is "
        "going on, and which verb is sensible next. Also of an asset that was purged."
    )
    changes = False
    limited = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("asset", help="Id of the asset.")
        super().add_arguments(parser)

    def work(self, **options: Any) -> Story:
        return explain(options["asset"])

    def failures(self, report: Story) -> int:
        return 0

    def tell(self, report: Story) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(report.headline))
        for line in report.lines:
            moment = localtime(line.at).strftime("%Y-%m-%d %H:%M:%S")
            cause = f"  [{line.cause}]" if line.cause else ""
            self.stdout.write(f"  {moment}  {line.text}.{cause}")
        self._tell_list("Now", report.now)
        self._tell_list("Next", report.next_verbs)

    def _tell_list(self, title: str, texts: list[str]) -> None:
        if texts:
            self.stdout.write(f"{title}:")
        for text in texts:
            self.stdout.write(f"  {text}")
