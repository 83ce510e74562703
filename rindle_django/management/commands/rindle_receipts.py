"""``manage.py rindle_receipts``"""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser
from django.utils import timezone

from rindle_django.management.base import ReportingCommand
from rindle_django.operations.receipts import Receipt, receipts
from rindle_django.progress import advanced


def moment(text: str) -> datetime:
    """A date or a time in ISO 8601; without an offset, in the project's time zone."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date or time in ISO 8601") from None
    return given if timezone.is_aware(given) else timezone.make_aware(given)


class Command(ReportingCommand):
    help = (
        "Writes the receipts of deleted objects, oldest first, one line of JSON each; with "
        "--format json, all in one document."
    )
    changes = False
    unit = "receipts"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--asset", type=UUID, help="Only of the asset with this id.")
        parser.add_argument("--since", type=moment, help="Only from this date or time on.")

    def work(self, **options: Any) -> None:
        """Written as they are read: there may be more than fit into memory."""
        found = islice(receipts(asset=options["asset"], since=options["since"]), options["limit"])
        lines = (json.dumps(asdict(receipt), default=str) for receipt in _counted(found))
        if options["format"] == "text":
            for line in lines:
                self.stdout.write(line)
            return
        self.stdout.write('{"receipts": [', ending="")
        for number, line in enumerate(lines):
            self.stdout.write((", " if number else "") + line, ending="")
        self.stdout.write('], "exit_code": 0}')

    def failures(self, report: None) -> int:
        return 0

    def report(self, report: None, *, code: int, options: dict[str, Any]) -> None:
        """All is said."""


def _counted(found: Iterator[Receipt]) -> Iterator[Receipt]:
    for receipt in found:
        yield receipt
        advanced()
