"""Sweeping away what killed work left behind: working copies, and unfinished files in storages."""

from __future__ import annotations

import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from rindle_django import events, workspace
from rindle_django.conf import config
from rindle_django.errors import RequestRefused, RindleError, TransientFailure
from rindle_django.profiles import registered
from rindle_django.progress import advanced
from rindle_django.storage import adapter_for

logger = logging.getLogger(__name__)
USUAL_AGE = 4 * 3600.0


@dataclass
class SweepReport:
    """``folders`` of working copies on this machine and their bytes; ``unfinished`` files in the
    storages; ``errors`` are those that could not be swept."""

    dry_run: bool = True
    older_than: float = USUAL_AGE
    folders: int = 0
    folder_bytes: int = 0
    unfinished: int = 0
    errors: int = 0

    def raise_if_incomplete(self) -> None:
        """For the worker: have the task tried again when something could not be swept."""
        if self.errors:
            raise TransientFailure(
                "storage_unavailable", alias="", operation="sweep_temp", detail="see the log"
            )


def least_age() -> float:
    """Seconds below which a folder may still be worked in: an hour, or twice a lease."""
    return max(3600.0, config().LEASE * 2.0)


def sweep_temp_files(*, older_than: float | None = None, dry_run: bool = True) -> SweepReport:
    """Remove what nobody has touched for ``older_than`` seconds; by default, for four hours.

    Working copies are this machine's: run it on each. Raises RequestRefused("request_invalid") for
    an age at which work may still be going on (C1.10).
    """
    age = max(USUAL_AGE, least_age()) if older_than is None else older_than
    if not age >= least_age():
        why = f"older_than must be at least {least_age():.0f} seconds: work may be going on"
        raise RequestRefused("request_invalid", why=why)
    report = SweepReport(dry_run=dry_run, older_than=age)
    for folder in workspace.abandoned(age):
        _sweep_folder(folder, report)
        advanced()
    for alias in sorted({profile.storage for profile in registered()}):
        _sweep_storage(alias, age, report)
    counts = {k: int(v) for k, v in asdict(report).items() if k not in ("dry_run", "older_than")}
    events.emit("rindle.cleanup.run", {"worker": "sweep_temp_files", "dry_run": dry_run}, counts)
    return report


def _sweep_folder(folder: Path, report: SweepReport) -> None:
    size = sum(each.lstat().st_size for each in folder.rglob("*") if each.is_file())
    if not report.dry_run:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            logger.error("Working copies in %s could not be removed: %s", folder.name, error)
            report.errors += 1
            return
    report.folders += 1
    report.folder_bytes += size


def _sweep_storage(alias: str, age: float, report: SweepReport) -> None:
    try:
        # Left out where it is not needed: an adapter from elsewhere may not know it.
        only_count = {"dry_run": True} if report.dry_run else {}
        report.unfinished += adapter_for(alias).sweep_temp(age, **only_count)
    except RindleError as error:
        logger.error("Storage %r could not be swept: %s", alias, error)
        report.errors += 1
