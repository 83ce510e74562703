"""How a file's way through the pipeline ended, and how all of them did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# How an asset may end, as the last line counts it. What is refused at the door never gets in.
COUNTED_AS = {
    "ready": "ready",
    "quarantined": "quarantined",
    "refused": "quarantined",
    "degraded": "failed",
}


How = tuple[str, str]
"""A state, and a reason or nothing."""


@dataclass(frozen=True)
class Ending:
    """``code`` is the reason, where there is one; ``seconds`` go from the upload to the end."""

    path: Path
    state: str
    code: str
    seconds: float

    @property
    def counted_as(self) -> str:
        return COUNTED_AS.get(self.state, "stuck")

    def is_as(self, expected: How | None) -> bool:
        return expected is None or expected == (self.state, self.code)

    def __str__(self) -> str:
        return f"{self.state:<12} {self.code or '-':<28} {self.seconds:7.2f} s  {self.path.name}"


def summary(endings: Iterable[Ending], deaths: int) -> str:
    """The last line."""
    endings = list(endings)
    counts = Counter(each.counted_as for each in endings)
    parts = [f"{name}: {counts[name]}" for name in ("ready", "quarantined", "failed", "stuck")]
    return f"files: {len(endings)} {' '.join(parts)} worker deaths: {deaths}"
