"""What can be amiss between a storage and the ledger, and when something is done about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from rindle_django.storage import PREFIXES


@dataclass(frozen=True)
class Finding:
    """``action`` is what is done when it was seen twice; ``alarming`` ones make a run fail."""

    says: str
    action: str
    alarming: bool = False


FINDINGS: dict[str, Finding] = {
    "orphan": Finding("Objects that the ledger does not have.", "delete"),
    "undead": Finding("Objects that the ledger has as deleted.", "delete"),
    "missing": Finding("Variants whose object the storage does not have.", "mark"),
    "missing_original": Finding(
        "Originals that the storage does not have.", "report", alarming=True
    ),
    "missing_upload": Finding("Uploads that vanished before they were promoted.", "report"),
    "altered": Finding("Objects of another size than was stored.", "report", alarming=True),
    "foreign": Finding("Under our prefixes, but with keys that we do not make.", "report"),
}
MISSING = {"staging": "missing_upload", "original": "missing_original", "variant": "missing"}
REMOVED = frozenset(name for name, finding in FINDINGS.items() if finding.action == "delete")


@dataclass(frozen=True)
class Rules:
    """What protects live data from a comparison that is wrong. Durations are in seconds.

    Nothing younger than ``min_age`` is looked at, nothing is done before a second run has seen the
    same at least ``apart`` later, and nothing at all if it would befall more than ``max_share`` of
    what there is (and more than ``few``, as a small storage has large shares).
    """

    min_age: float = 86_400.0
    apart: float = 3_600.0
    max_share: float = 0.05
    few: int = 20

    @property
    def unlimited(self) -> bool:
        return self.max_share >= 1

    def too_many(self, count: int, of: int) -> bool:
        return not self.unlimited and count > max(self.few, self.max_share * of)


_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OURS = re.compile(
    rf"({'|'.join(PREFIXES.values())})/([0-9a-f]{{2}})/(\2[0-9a-f]{{6}}-[0-9a-f-]*)/{_ID}(\.[a-z0-9]+)?"
)
_PURPOSES = {prefix: purpose for purpose, prefix in PREFIXES.items()}


def origin_of(key: str) -> tuple[str, UUID] | None:
    """Purpose and asset of a key of the ledger's making; None for any other."""
    match = _OURS.fullmatch(key)
    if match is None or not re.fullmatch(_ID, match[3]):
        return None
    return _PURPOSES[match[1]], UUID(match[3])
