"""``manage.py rindle_erase_owner``"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from rindle_django.errors import RequestRefused
from rindle_django.management.base import ReportingCommand
from rindle_django.operations.erasure import ErasureReport, erase_owners, preview_erasure
from rindle_django.operations.erasure.erase import MAX_OWNERS
from rindle_django.operations.erasure.report import EXECUTE, Bucket

# Each bucket's name in the report, in the words of before and after.
WORDS = {
    "attachments_to_detach": "attachments to detach",
    "assets_to_purge": "assets to purge",
    "retained_shared_assets": "shared assets retained",
    "uploads_to_discard": "uploads to discard",
}
SHOWN = 5


class Command(ReportingCommand):
    help = (
        "Detaches all that owners have and deletes each asset that nobody else has. Reports only, "
        "unless --no-dry-run. Owners are named app.model:key, also when their rows are gone."
    )
    limited = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("owners", nargs="*", metavar="app.model:key")
        parser.add_argument(
            "--owners-file", metavar="FILE", help="More owners, one a line; - for standard input."
        )
        parser.add_argument(
            "--max-owners",
            type=int,
            default=MAX_OWNERS,
            help="Refuse more owners than this (default: %(default)s).",
        )
        parser.add_argument(
            "--uploads",
            action="store_true",
            help="Take along what the owners uploaded themselves and nothing is attached to.",
        )
        super().add_arguments(parser)

    def work(self, **options: Any) -> ErasureReport:
        owners = [*options["owners"], *_listed(options["owners_file"])]
        act = preview_erasure if options["dry_run"] else erase_owners
        return act(owners, uploads=options["uploads"], max_owners=options["max_owners"])

    def failures(self, report: ErasureReport) -> int:
        return len(report.failed)

    def tell(self, report: ErasureReport) -> None:
        self.stdout.write(f"{len(report.owners)} owners {self._done(report)}")
        for name, words in WORDS.items():
            self._tell_bucket(words, getattr(report, name))
        if report.uploads_kept:
            self.stdout.write(
                f"{report.uploads_kept} uploads of these owners, attached to nothing, stay; "
                "--uploads takes them along"
            )
        self.stdout.write(
            f"objects confirmed gone: {report.objects_gone}, waiting: {report.objects_waiting}"
        )
        for each in report.failed:
            self.stdout.write(self.style.ERROR(f"{each.owner}: {each.code}: {each.message}"))

    def _done(self, report: ErasureReport) -> str:
        return "erased" if report.mode == EXECUTE else "looked at"

    def _tell_bucket(self, words: str, bucket: Bucket) -> None:
        self.stdout.write(f"{words}: {bucket.count}")
        for entry in bucket.entries[:SHOWN]:
            told = ", ".join(f"{name} {value}" for name, value in entry.items())
            self.stdout.write(f"  {told}")
        if bucket.count > SHOWN:
            self.stdout.write(f"  and {bucket.count - SHOWN} more")


def _listed(source: str | None) -> list[str]:
    """Owners from a file: one a line; empty lines and those that begin with # are passed over."""
    if source is None:
        return []
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestRefused("request_invalid", why=f"{source} cannot be read: {error}") from None
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
