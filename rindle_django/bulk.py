"""Transitions of many rows in one statement, without a row being loaded: for what goes through
whole tables. The same promises as those of ``lifecycle``: conditional, with history in the same
transaction, and told after the outermost commit if anybody listens.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from rindle_django.conf import database
from rindle_django.lifecycle import adapter_name, current_cause
from rindle_django.models import Asset, Key, Stateful, UploadSession, Variant
from rindle_django.outbox import is_heard, tell_once_committed


@dataclass(frozen=True)
class Moved:
    """A row that moved: its own id, and its asset's."""

    id: UUID
    asset_id: UUID
    profile: str


@dataclass(frozen=True)
class _Kind:
    """What a table says of the asset of a row, and what history says of the row itself."""

    asset: str = "{table}.asset_id"
    columns: str = ""
    metadata: str = "'{{}}'::jsonb"


_KINDS: Mapping[type[Stateful], _Kind] = {
    Asset: _Kind(asset="{table}.id"),
    Variant: _Kind(
        columns=", {table}.name",
        metadata="jsonb_build_object('variant_id', moved.id, 'variant_name', moved.name)",
    ),
    UploadSession: _Kind(metadata="jsonb_build_object('session_id', moved.id)"),
}

# Locked in the order of their ids before any of them is changed, as everywhere. Each asset is
# looked up by its key, however few rows the planner thinks there are. An entry of which nobody is
# to be told is written as told: it would only be marked, and marking writes it again.
_MOVE = """
WITH held AS MATERIALIZED (
    SELECT id, state FROM {table}
    WHERE {column} = ANY(%(ids)s::uuid[]) AND state = ANY(%(sources)s) AND ({condition})
    ORDER BY id FOR UPDATE
), moved AS (
    UPDATE {table} SET state = %(to)s, updated_at = statement_timestamp(){changes}
    FROM held WHERE {table}.id = held.id
    RETURNING {table}.id, {asset} AS asset_id, held.state AS source, {table}.reason_code{columns}
), told AS (
    INSERT INTO rindle_transition (subject, subject_id, asset_id, from_state, to_state, profile,
        adapter, reason_code, cause, metadata, emitted_at)
    SELECT %(subject)s, moved.id, moved.asset_id, moved.source, %(to)s, asset.profile,
        coalesce(%(adapters)s::jsonb ->> asset.storage, asset.storage), moved.reason_code,
        {cause}, {metadata}, {told}
    FROM moved CROSS JOIN LATERAL (
        SELECT profile, storage, traceparent FROM rindle_asset WHERE id = moved.asset_id OFFSET 0
    ) asset
    RETURNING id, subject_id, asset_id, profile
)
SELECT id, subject_id, asset_id, profile FROM told
"""

_CAUSE = "%(cause)s::jsonb"
# The row of a deleted asset goes; what deletes its objects goes on with its trace.
_CAUSE_OF_END = (
    "%(cause)s::jsonb || CASE WHEN asset.traceparent = '' THEN '{}'::jsonb"
    " ELSE jsonb_build_object('trace', asset.traceparent) END"
)


def among(ids: Sequence[Key], column: str = "id") -> RawSQL:
    """The condition that ``column`` is one of many ids, sent as one parameter."""
    return RawSQL(f"{column} = ANY(%s::uuid[])", [_texts(ids)], output_field=BooleanField())  # noqa: S611


def lock_free_assets(ids: Sequence[Key]) -> list[UUID]:
    """Lock those of these assets that nobody else holds, in the order of their ids.

    A transaction that holds many is not to wait for anybody: all that it holds would wait along.
    """
    with connections[database()].cursor() as cursor:
        cursor.execute(
            "SELECT id FROM rindle_asset WHERE id = ANY(%s::uuid[]) ORDER BY id"
            " FOR UPDATE SKIP LOCKED",
            [_texts(ids)],
        )
        return [row[0] for row in cursor.fetchall()]


def move_all(
    model: type[Stateful],
    ids: Sequence[Key],
    to: str,
    *,
    of_assets: bool = False,
    only_from: Collection[str] | None = None,
    storages: Collection[str],
    condition: str = "true",
    **changes: Any,
) -> list[Moved]:
    """Move rows to ``to`` where the database still allows it; returns those that moved.

    Called inside a transaction that holds the assets of these rows. ``ids`` are the rows' own, or
    their assets'. ``storages`` are the aliases that the assets are in. ``condition`` is SQL on the
    row, ``changes`` are values that are written along; a timedelta is meant from now on.
    """
    if not ids:
        return []
    kind, table, machine = _KINDS[model], model._meta.db_table, model.machine
    heard = is_heard(machine.name, to)
    ends = model is Asset and to in machine.terminal
    written, values = _assignments({**model.momentary, **changes})
    statement = _MOVE.format(
        table=table,
        column="asset_id" if of_assets else "id",
        condition=condition,
        changes=written,
        asset=kind.asset.format(table=table),
        columns=kind.columns.format(table=table),
        cause=_CAUSE_OF_END if ends else _CAUSE,
        metadata=kind.metadata.format(),
        told="NULL" if heard else "statement_timestamp()",
    )
    terms = {
        **values,
        "ids": _texts(ids),
        "sources": sorted(machine.sources_of(to, named=only_from)),
        "to": to,
        "subject": machine.name,
        "adapters": json.dumps({alias: adapter_name(alias) for alias in storages}),
        "cause": json.dumps(current_cause()),
    }
    with connections[database()].cursor() as cursor:
        cursor.execute(statement, terms)
        found = cursor.fetchall()
    if heard:
        tell_once_committed([row[0] for row in found])
    return [Moved(*row[1:]) for row in found]


def _assignments(changes: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The rest of a SET clause, and its parameters."""
    written, values = "", {}
    for column, value in changes.items():
        since = "statement_timestamp() + " if isinstance(value, timedelta) else ""
        written += f", {column} = {since}%(new_{column})s"
        values[f"new_{column}"] = value
    return written, values


def _texts(ids: Sequence[Key]) -> list[str]:
    return [str(each) for each in ids]
