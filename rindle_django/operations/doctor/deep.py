"""The invariants, asked of this database and its storages: what ``--deep`` adds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from rindle_django.operations.doctor.diagnosis import Observation, error
from rindle_django.operations.invariants import INVARIANTS, violations
from rindle_django.operations.reading import said

SAMPLES = 5
VERIFY = (
    "Look at what rindle_verify_storage says, then run rindle_verify_storage --no-dry-run "
    "--regenerate twice, an hour apart."
)
RECONCILE = "Run rindle_reconcile; see that a worker serves rindle_maintenance."
UNFORESEEN = "Nothing mends this by itself. Look at rindle_explain <asset>, and report it."
_FIXES: Mapping[str, str] = {
    "all_in_ledger": VERIFY,
    "present_exists": VERIFY,
    "present_unchanged": VERIFY,
    "nothing_idle": VERIFY,
    "nothing_stuck": RECONCILE,
    "told_in_time": RECONCILE,
    "watched": "Run rindle_reconcile; rindle_explain <asset> says what else would help.",
}
_SAYS = {each.name: each.says for each in INVARIANTS}

_checksums: ContextVar[bool] = ContextVar("rindle_checksums", default=False)


@contextmanager
def reading_bytes(wanted: bool) -> Iterator[None]:
    """Inside, the bytes of every object are compared with their SHA-256, if that is wanted."""
    token = _checksums.set(wanted)
    try:
        yield
    finally:
        _checksums.reset(token)


def invariants() -> Iterator[Observation]:
    broken: dict[str, list[str]] = defaultdict(list)
    for violation in violations(checksums=_checksums.get()):
        broken[violation.invariant].append(violation.detail)
    for name, details in broken.items():
        says = _SAYS.get(name, "Ledger and storage agree.")
        samples = "; ".join(details[:SAMPLES])
        more = f"; and {len(details) - SAMPLES:,} more" if len(details) > SAMPLES else ""
        yield error(
            f"{name} is broken {said(len(details), 'time')} ({says.rstrip('.')}): {samples}{more}.",
            _FIXES.get(name, UNFORESEEN),
        )
