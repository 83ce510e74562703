"""Our own rows: whether somebody looks after those that need it."""

from __future__ import annotations

from collections.abc import Iterator

from rindle_django.conf import config
from rindle_django.operations.doctor.diagnosis import Observation, error, warn
from rindle_django.operations.reading import ENOUGH, for_long, said, select

RECONCILE = "Run rindle_reconcile; see that a worker serves rindle_maintenance."
_COUNTED = "SELECT count(*), extract(epoch FROM now() - min(wake_at)) FROM ({}) late"


def patience() -> float:
    """Seconds after which what is due has been overlooked, not just waited for its turn."""
    return 2.0 * (config().LEASE + config().RECONCILE_GRACE)


# By ascending time, so that the oldest are among those that are counted.
_LEASES = _COUNTED.format("""
SELECT wake_at FROM {table} WHERE wake_at < now() - %(patience)s * interval '1 second'
  AND lease_until < now() - %(patience)s * interval '1 second'
ORDER BY wake_at LIMIT %(enough)s + 1
""")
_OVERDUE = _COUNTED.format("""
SELECT wake_at FROM {table} WHERE wake_at < now() - %(patience)s * interval '1 second'
ORDER BY wake_at LIMIT %(enough)s + 1
""")


def _late(query: str, table: str) -> tuple[int, float]:
    terms = {"patience": patience(), "enough": ENOUGH}
    ((count, age),) = select(query.replace("{table}", table), terms)
    return count, float(age or 0.0)


def leases() -> Iterator[Observation]:
    for table, thing in (("rindle_asset", "asset"), ("rindle_variant", "variant")):
        count, age = _late(_LEASES, table)
        if count:
            yield error(
                f"{said(count, thing)} held by workers that died; the oldest should have been "
                f"taken over {for_long(age)} ago.",
                RECONCILE,
            )


def overdue() -> Iterator[Observation]:
    for table, thing in (
        ("rindle_asset", "asset"),
        ("rindle_variant", "variant"),
        ("rindle_storedobject", "object"),
    ):
        count, age = _late(_OVERDUE, table)
        if count:
            yield error(
                f"{said(count, thing)} due and not looked at, the oldest for {for_long(age)}.",
                RECONCILE,
            )


_KEPT = """
SELECT reason_code, count(*), extract(epoch FROM now() - min(created_at)) FROM (
    SELECT reason_code, created_at FROM rindle_storedobject
    WHERE state = 'doomed' AND attempts > 0 LIMIT %s + 1) kept
GROUP BY reason_code ORDER BY 2 DESC
"""


def deletions() -> Iterator[Observation]:
    for code, count, _ in select(_KEPT, [ENOUGH]):
        yield error(
            f"The storage does not confirm the deletion of {said(count, 'object')}: "
            f"{code or 'no reason given'}.",
            "They are tried again every RINDLE['ROUND_PAUSE'] seconds. See what storages.round_trip"
            " says of the storage, and its permission to delete.",
        )


_UNSENT = """
SELECT count(*), extract(epoch FROM now() - min(at)) FROM (
    SELECT at FROM rindle_transition WHERE emitted_at IS NULL
      AND at < now() - %s * interval '1 second' ORDER BY at LIMIT %s + 1) late
"""


def events() -> Iterator[Observation]:
    ((count, age),) = select(_UNSENT, [patience(), ENOUGH])
    if count:
        yield warn(
            f"{said(count, 'transition')} not told of, the oldest for {for_long(float(age))}.",
            RECONCILE,
        )
