"""``manage.py rindle_plan``"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.template.defaultfilters import filesizeformat

from rindle_django.management.base import ReportingCommand
from rindle_django.operations.recipes import RecipePlan, VariantPlan, plan_recipes

COUNTS = ("current", "stale", "missing", "superfluous", "failed", "waiting")


class Command(ReportingCommand):
    help = (
        "Shows what today's recipes make of the variants that there are: which are stale, missing "
        "or superfluous, and what making them will cost. Changes nothing."
    )
    changes = False
    limited = False
    by_profile = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--variant", metavar="NAME", help="Only the variant of this name.")
        parser.add_argument(
            "--check",
            action="store_true",
            help="Exit with 1 if anything is stale, missing or superfluous.",
        )

    def work(self, **options: Any) -> RecipePlan:
        self.check_only = options["check"]
        return plan_recipes(profile=options["profile"], variant=options["variant"])

    def failures(self, report: RecipePlan) -> int:
        return int(self.check_only and report.changed)

    def document(self, report: RecipePlan) -> dict[str, Any]:
        return {
            "changed": report.changed,
            "cpu_seconds": report.cpu_seconds,
            **{name: report.total(name) for name in COUNTS},
            "variants": [asdict(row) for row in report.rows],
        }

    def tell(self, report: RecipePlan) -> None:
        header = ("profile", "variant", *COUNTS, "CPU", "output", "by")
        for line in _aligned([header, *map(_cells, report.rows)]):
            self.stdout.write(line)
        if not report.changed:
            self.stdout.write(self.style.SUCCESS("Everything is as the recipes say."))
            return
        if report.total("stale") + report.total("missing"):
            self.stdout.write("To make them: manage.py rindle_regenerate_variants --no-dry-run")
        if report.total("superfluous"):
            self.stdout.write(
                "To remove what is superfluous: "
                "manage.py rindle_regenerate_variants --purge-superfluous --no-dry-run"
            )


def _cells(row: VariantPlan) -> tuple[str, ...]:
    counts = (f"{getattr(row, name):,}" for name in COUNTS)
    size = "" if row.output_bytes is None else filesizeformat(row.output_bytes).replace("\xa0", " ")
    basis = f"{row.runs} {row.basis}" if row.basis == "past runs" else row.basis
    return (row.profile, row.variant, *counts, _duration(row.cpu_seconds), size, basis)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for length, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.1f} s"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if number < 2 or number == len(row) - 1 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
