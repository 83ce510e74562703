"""What is true at every moment, whatever was killed, and what is true once all is at rest.

One list: the tests judge by it after everything that they break, and an operator can ask it of a
database in production. It reads only; the comparison with the storages lists all objects.
"""

# ruff: noqa: S608  (the queries are put together from the tables in ``states``, at import)
from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from typing import Any

from django.db import connections

from rindle_django import workspace
from rindle_django.conf import config, database
from rindle_django.errors import RequestRefused
from rindle_django.models import StoredObject
from rindle_django.processing.aggregate import AV_WORK, BROKEN, IMAGE_WORK
from rindle_django.states import (
    ACTIVE_VARIANT_STATES,
    MACHINES,
    OPEN_SESSION_STATES,
    PROMOTABLE_ASSET_STATES,
    VERIFIED_ASSET_STATES,
)
from rindle_django.storage import adapter_for
from rindle_django.storage.listing import Listed, byte_order

PAGE = 2000


@dataclass(frozen=True)
class Violation:
    """One row or object that breaks an invariant."""

    invariant: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.detail}"


@dataclass(frozen=True)
class Invariant:
    """A sentence that has to hold, and how to find what breaks it.

    ``query`` selects one text for each violation. ``at_rest`` says that it holds only while no
    work is due or under way.
    """

    name: str
    says: str
    query: str
    at_rest: bool = False


def violations(*, at_rest: bool = False, checksums: bool = False) -> list[Violation]:
    """All that breaks an invariant. ``checksums`` reads every object's bytes.

    ``at_rest`` adds those that hold once every job has run, the reconciler has found nothing more
    to do and late writers had their time. Raises TransientFailure if a storage cannot be listed:
    that is no answer.
    """
    found = [
        Violation(each.name, detail)
        for each in INVARIANTS
        if at_rest or not each.at_rest
        for detail in _select(each.query)
    ]
    for alias in _storages():
        found += _compare(alias, checksums)
    if at_rest:
        found += [Violation("temp_empty", each.name) for each in workspace.folders()]
    return found


def _names(states: Any) -> str:
    return "(" + ", ".join(f"'{state}'" for state in sorted(states)) + ")"


_STATEFUL = {
    "asset": "rindle_asset",
    "variant": "rindle_variant",
    "session": "rindle_uploadsession",
    "object": "rindle_storedobject",
}
_LATE = "now() - %(patience)s * interval '1 second'"
_ALL_STATES = " UNION ALL ".join(
    f"SELECT '{name} ' || id || ' is ' || state FROM {table}"
    f" WHERE state NOT IN {_names(MACHINES[name].states)}"
    for name, table in _STATEFUL.items()
)
_EDGES = ", ".join(
    f"('{name}', '{edge}')"
    for name in ("asset", "variant", "session")
    for edge in MACHINES[name].edge_list()
)
_LATEST = " UNION ALL ".join(
    f"""SELECT '{name} ' || row.id || ' is ' || row.state || ', history says ' || last.to_state
    FROM {_STATEFUL[name]} row CROSS JOIN LATERAL (
        SELECT to_state FROM rindle_transition t
        WHERE t.asset_id = row.{"id" if name == "asset" else "asset_id"}
          AND t.subject = '{name}' AND t.subject_id = row.id ORDER BY t.id DESC LIMIT 1
    ) last WHERE last.to_state <> row.state"""
    for name in ("asset", "variant", "session")
)
_OVERDUE = " UNION ALL ".join(
    f"SELECT '{name} ' || id || ' is ' || state || ', was due at ' || wake_at FROM {table}"
    f" WHERE wake_at < {_LATE}"
    for name, table in _STATEFUL.items()
    if name != "session"
)

_IMPLIED = f"""CASE
    WHEN bool_or(v.state IN {_names(ACTIVE_VARIANT_STATES)}) THEN
        CASE WHEN bool_or(v.state IN {_names(ACTIVE_VARIANT_STATES)} AND v.kind <> 'image')
             THEN '{AV_WORK}' ELSE '{IMAGE_WORK}' END
    WHEN bool_or(v.state IN {_names(BROKEN)}) THEN 'degraded' ELSE 'ready' END"""

INVARIANTS = (
    Invariant("state", "Every row is in a state of its machine.", _ALL_STATES),
    Invariant(
        "edge",
        "Every step in the history is an edge of its machine.",
        f"""SELECT subject || ' ' || subject_id || ': ' || from_state || '>' || to_state
        FROM rindle_transition WHERE (subject, from_state || '>' || to_state) NOT IN ({_EDGES})""",
    ),
    Invariant(
        "unbroken_history",
        "Each step begins where the one before it ended, unless that was dropped for its age.",
        """SELECT subject || ' ' || subject_id || ': ' || before || ', then from ' || from_state
        FROM (SELECT *, lag(to_state, 1, CASE WHEN abridged THEN from_state ELSE '' END)
                  OVER (PARTITION BY subject, subject_id ORDER BY id) AS before
              FROM rindle_transition) step WHERE before <> from_state""",
    ),
    Invariant("history_tells", "A row is in the state that its history ends in.", _LATEST),
    Invariant(
        "ready_has_object",
        "What is ready, or served while it is made anew, has an object that is present, and so are"
        " all parts of it.",
        """SELECT 'variant ' || v.id || ' is ' || v.state || ', its '
            || CASE WHEN o.part_of_id IS NULL THEN 'object ' ELSE 'part ' END || o.state
        FROM rindle_variant v JOIN rindle_storedobject o
          ON o.id = v.object_id OR o.part_of_id = v.object_id
        WHERE v.state NOT IN ('purged', 'missing') AND o.state <> 'present'""",
    ),
    Invariant(
        "verified_has_original",
        "A verified asset has its original and knows its hash.",
        f"""SELECT 'asset ' || a.id || ' is ' || a.state || ', its original '
            || coalesce(o.state, 'unset')
        FROM rindle_asset a LEFT JOIN rindle_storedobject o ON o.id = a.original_id
        WHERE a.state IN {_names(VERIFIED_ASSET_STATES)}
          AND (o.state IS DISTINCT FROM 'present' OR a.sha256 = '')""",
    ),
    Invariant(
        "nothing_idle",
        "An object that is present is served, as a part if it is one, or is about to be looked at.",
        f"""SELECT o.purpose || ' ' || o.id || ' of an asset that is '
            || coalesce(a.state, 'gone')
        FROM rindle_storedobject o LEFT JOIN rindle_asset a ON a.id = o.asset_id
        WHERE o.state = 'present' AND NOT CASE o.purpose
            WHEN 'original' THEN EXISTS (SELECT FROM rindle_asset WHERE original_id = o.id)
            WHEN 'variant' THEN EXISTS (
                SELECT FROM rindle_variant WHERE object_id = coalesce(o.part_of_id, o.id))
            ELSE coalesce(
                a.state IN {_names({"staged", "quarantined", *PROMOTABLE_ASSET_STATES})}, false)
            END""",
    ),
    Invariant(
        "aggregate",
        "A verified asset is in the state that its variants imply.",
        f"""SELECT 'asset ' || a.id || ' is ' || a.state || ', its variants make it ' || {_IMPLIED}
        FROM rindle_asset a LEFT JOIN rindle_variant v ON v.asset_id = a.id
        WHERE a.state IN {_names(VERIFIED_ASSET_STATES)}
        GROUP BY a.id HAVING a.state <> {_IMPLIED}""",
    ),
    Invariant(
        "attached_lives",
        "What is attached is not deleted.",
        """SELECT 'attachment ' || t.id || ' to asset ' || a.id FROM rindle_attachment t
        JOIN rindle_asset a ON a.id = t.asset_id WHERE a.state = 'deleted'""",
    ),
    Invariant(
        "watched",
        "Whatever is to be worked on has a time at which somebody looks at it.",
        f"""SELECT 'asset ' || a.id || ' is ' || a.state FROM rindle_asset a
        WHERE a.wake_at IS NULL AND (
            a.state = 'deleted' OR a.state IN {_names(PROMOTABLE_ASSET_STATES)}
            OR a.purge_requested_at IS NOT NULL
               AND NOT EXISTS (SELECT FROM rindle_attachment t WHERE t.asset_id = a.id))
        UNION ALL
        SELECT 'variant ' || id || ' is ' || state FROM rindle_variant
        WHERE wake_at IS NULL AND state IN {_names(ACTIVE_VARIANT_STATES)}
        UNION ALL
        SELECT purpose || ' ' || id || ' is ' || state FROM rindle_storedobject
        WHERE wake_at IS NULL
          AND (state = 'doomed' OR state = 'expected' AND purpose <> 'staging')""",
    ),
    Invariant("nothing_stuck", "Nothing is long past the time to look at it.", _OVERDUE),
    Invariant(
        "told_in_time",
        "Every committed transition has been told of.",
        f"""SELECT subject || ' ' || subject_id || ' became ' || to_state
        FROM rindle_transition WHERE emitted_at IS NULL AND at < {_LATE}""",
    ),
    Invariant(
        "all_told",
        "No transition waits to be told of.",
        """SELECT subject || ' ' || subject_id || ' became ' || to_state
        FROM rindle_transition WHERE emitted_at IS NULL""",
        at_rest=True,
    ),
    Invariant(
        "nothing_due",
        "Nothing is under way and nothing waits.",
        f"""SELECT 'asset ' || id || ' is ' || state FROM rindle_asset
        WHERE state IN {_names({"deleted", *PROMOTABLE_ASSET_STATES})} OR lease_until IS NOT NULL
        UNION ALL
        SELECT 'variant ' || id || ' is ' || state FROM rindle_variant
        WHERE state IN {_names(ACTIVE_VARIANT_STATES)} OR lease_until IS NOT NULL
        UNION ALL
        SELECT purpose || ' ' || id || ' is ' || state FROM rindle_storedobject
        WHERE state = 'doomed' OR state = 'expected' AND purpose <> 'staging'
        UNION ALL
        SELECT 'session ' || id || ' is ' || state FROM rindle_uploadsession
        WHERE state IN {_names(OPEN_SESSION_STATES)} AND expires_at < now()""",
        at_rest=True,
    ),
    Invariant(
        "no_jobs_left",
        "No job is marked as running.",
        """SELECT task_name || ' ' || id FROM procrastinate_jobs
        WHERE status = 'doing' AND task_name LIKE 'rindle:%%'""",
        at_rest=True,
    ),
    Invariant(
        "runs_ended",
        "Every attempt has an outcome.",
        "SELECT 'run ' || id FROM rindle_processingrun WHERE outcome = 'running'",
        at_rest=True,
    ),
)


def _select(query: str) -> list[str]:
    patience = 2 * (config().LEASE + config().RECONCILE_GRACE)
    with connections[database()].cursor() as cursor:
        cursor.execute(query, {"patience": patience})
        return [row[0] for row in cursor.fetchall()]


# --- ledger and storage ------------------------------------------------------------------------


def _storages() -> list[str]:
    """Every storage that the ledger knows of."""
    return sorted(set(StoredObject.objects.values_list("storage", flat=True).distinct()))


def _compare(alias: str, checksums: bool) -> Iterator[Violation]:
    """One walk along the ledger and the listing, both in order of their keys.

    Each difference is looked at again before it is told: work may have gone on meanwhile.
    """
    for key, stored, listed in _side_by_side(alias):
        if stored is None:
            yield from _check_unknown(alias, key, listed)
        elif stored.state == "present" and (checksums or not _as_recorded(stored, listed)):
            yield from _check_present(stored, checksums=checksums)


def _side_by_side(alias: str) -> Iterator[tuple[str, StoredObject | None, list[Listed]]]:
    rows = ((byte_order(stored.key), stored, None) for stored in _ledger(alias))
    listing = ((entry.order, None, entry) for entry in adapter_for(alias).list_objects())
    both = merge(rows, listing, key=lambda each: each[0])
    for _, group in groupby(both, key=lambda each: each[0]):
        found = list(group)
        stored = next((row for _, row, _ in found if row is not None), None)
        listed = [entry for _, _, entry in found if entry is not None]
        yield stored.key if stored is not None else listed[0].key, stored, listed


def _ledger(alias: str) -> Iterator[StoredObject]:
    last = ""
    rows = StoredObject.objects.filter(storage=alias).exclude(state="gone").order_by("key")
    while page := list(rows.filter(key__gt=last)[:PAGE]):
        yield from page
        last = page[-1].key


def _as_recorded(stored: StoredObject, listed: list[Listed]) -> bool:
    return any(entry.kind == "object" and entry.size == stored.byte_size for entry in listed)


def _check_unknown(alias: str, key: str, listed: list[Listed]) -> Iterator[Violation]:
    rows = StoredObject.objects.filter(storage=alias, key=key)
    if not rows.exclude(state="gone").exists():
        known = "which is held for gone" if rows.exists() else "which nobody wrote down"
        kinds = ", ".join(sorted({entry.kind for entry in listed}))
        yield Violation("all_in_ledger", f"{alias} has {key} ({kinds}), {known}")


def _check_present(stored: StoredObject, *, checksums: bool) -> Iterator[Violation]:
    what = f"{stored.purpose} {stored.pk} in {stored.storage}"
    found = adapter_for(stored.storage).stat(stored.key)
    digest = _digest(stored) if found is not None and checksums and stored.sha256 else None
    stored.refresh_from_db(fields=["state"])
    if stored.state != "present":
        return
    if found is None:
        yield Violation("present_exists", f"{what} is not there")
    elif found.size != stored.byte_size:
        yield Violation("present_exists", f"{what} has {found.size} bytes, not {stored.byte_size}")
    elif digest is not None and digest != stored.sha256:
        yield Violation("present_unchanged", f"{what} has other bytes than were stored")


def _digest(stored: StoredObject) -> str | None:
    digest = hashlib.sha256()
    try:
        with workspace.workspace() as folder:
            adapter_for(stored.storage).download(
                stored.key, folder / "object", on_chunk=digest.update
            )
    except RequestRefused:
        return None
    return digest.hexdigest()
