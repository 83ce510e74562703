"""``manage.py rindle_receipts``"""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from rindle_django.operations.receipts import receipts


def moment(text: str) -> datetime:
    """A date or a time in ISO 8601; without an offset, in the project's time zone."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date or time in ISO 8601") from None
    return given if timezone.is_aware(given) else timezone.make_aware(given)


class Command(BaseCommand):
    help = "Writes the receipts of deleted objects, oldest first, one line of JSON each."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--asset", type=UUID, help="Only of the asset with this id.")
        parser.add_argument("--since", type=moment, help="Only from this date or time on.")

    def handle(self, *args: Any, **options: Any) -> None:
        for receipt in receipts(asset=options["asset"], since=options["since"]):
            self.stdout.write(json.dumps(asdict(receipt), default=str))
