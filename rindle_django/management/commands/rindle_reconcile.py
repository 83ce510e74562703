"""``manage.py rindle_reconcile``"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from rindle_django.lifecycle import caused_by
from rindle_django.operations.reconcile import BATCH, reconcile


class Command(BaseCommand):
    help = "Rings again for all due work, whatever became of its jobs. Needs no worker itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=BATCH, help="Rows of each kind.")
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        with caused_by(command="rindle_reconcile"):
            counts = asdict(reconcile(options["limit"]))
        if options["format"] == "json":
            self.stdout.write(json.dumps(counts))
            return
        for name, value in counts.items():
            self.stdout.write(f"{name}: {value}")
