"""What a run of ``verify_storage`` found and did, in numbers and, key by key, as a plan."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import IO

from rindle_django.errors import TransientFailure
from rindle_django.models import Sighting
from rindle_django.operations.verify.compare import Difference
from rindle_django.operations.verify.findings import FINDINGS

_COUNTED = {
    "keys": "keys_listed",
    "rows": "rows_compared",
    "orphan": "orphans_found",
    "undead": "undead_found",
    "missing": "missing_found",
    "missing_original": "missing_originals_found",
    "missing_upload": "missing_uploads_found",
    "altered": "altered_found",
    "foreign": "foreign_found",
}


@dataclass
class VerifyReport:
    """Counts of one run. ``storages_unknown`` did not answer, so that nothing is concluded;
    ``storages_unfinished`` were left at the limit, or to another run; ``held_back`` is what was
    due, but would have been too much at once."""

    dry_run: bool = True
    keys_listed: int = 0
    rows_compared: int = 0
    orphans_found: int = 0
    undead_found: int = 0
    missing_found: int = 0
    missing_originals_found: int = 0
    missing_uploads_found: int = 0
    altered_found: int = 0
    foreign_found: int = 0
    due: int = 0
    held_back: int = 0
    objects_adopted: int = 0
    objects_deleted: int = 0
    variants_marked: int = 0
    variants_requeued: int = 0
    storage_errors: int = 0
    storages_finished: int = 0
    storages_unfinished: int = 0
    storages_unknown: int = 0

    def count(self, counts: Counter[str]) -> None:
        for name, field in _COUNTED.items():
            setattr(self, field, getattr(self, field) + counts[name])

    @property
    def failures(self) -> int:
        """What an operator has to look at."""
        return (
            self.missing_originals_found
            + self.altered_found
            + self.held_back
            + self.storage_errors
            + self.storages_unknown
        )

    def raise_if_incomplete(self) -> None:
        """For a task: have it tried again when a storage balked."""
        if self.storage_errors or self.storages_unknown:
            raise TransientFailure(
                "storage_unavailable", alias="", operation="verify_storage", detail="see its log"
            )


@dataclass(frozen=True)
class Line:
    """What is to be done about one difference. ``first_seen`` is None if it is seen now."""

    storage: str
    key: str
    finding: str
    first_seen: str | None
    action: str


def line_of(alias: str, difference: Difference, sighting: Sighting | None, *, is_due: bool) -> Line:
    """A difference that calls for an action waits until it is due."""
    action = FINDINGS[difference.finding].action
    return Line(
        storage=alias,
        key=difference.key,
        finding=difference.finding,
        first_seen=sighting.first_seen_at.isoformat() if sighting is not None else None,
        action=action if is_due or action == "report" else "wait",
    )


def write_plan(target: IO[str], lines: Iterable[Line]) -> None:
    """One line of JSON for each difference."""
    for line in lines:
        target.write(json.dumps(asdict(line)) + "\n")
