"""``manage.py rindle_reconcile``"""

from __future__ import annotations

from typing import Any

from rindle_django.management.base import ReportingCommand
from rindle_django.operations.reconcile import BATCH, ReconcileReport, reconcile


class Command(ReportingCommand):
    help = (
        "Rings again for all due work, whatever became of its jobs. Needs no worker itself. "
        f"--limit is per kind of row ({BATCH} unless given)."
    )
    dry_run_default = False

    def work(self, **options: Any) -> ReconcileReport:
        return reconcile(options["limit"] or BATCH, dry_run=options["dry_run"])

    def failures(self, report: ReconcileReport) -> int:
        return 0
