"""The one statement that moves rows to another state: compare, set, and write history down.

Its text follows from which columns are written and on what condition, and is put together once for
each such shape; all else is sent as parameters. ``lifecycle`` has the functions that use it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from django.db import connections, transaction
from django.db.models import BooleanField, F, Field, Model, Value
from django.db.models.expressions import CombinedExpression, RawSQL
from django.db.models.functions import Now

from rindle_django.conf import database
from rindle_django.models import Asset, Key, Stateful, UploadSession, Variant
from rindle_django.outbox import is_heard, tell_once_committed

_YES_OR_NO = BooleanField()


class Condition(RawSQL):
    """What has to hold of a row, in SQL on its columns. Querysets take it as a filter, too."""

    def __init__(self, sql: str, *params: Any) -> None:
        super().__init__(sql, params, _YES_OR_NO)

    def __and__(self, other: Any) -> Condition:  # type: ignore[override]
        return Condition(f"({self.sql}) AND ({other.sql})", *self.params, *other.params)


ALWAYS = Condition("true")


def among(ids: Sequence[Key], column: str = "id") -> Condition:
    """That ``column`` is one of many ids, sent as one parameter."""
    return Condition(f"{column} = ANY(%s::uuid[])", as_array(ids))


@dataclass(frozen=True)
class Along:
    """An update of other rows that is part of a move: it happens if a row moves."""

    model: type[Model]
    where: Condition
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Move:
    """Where rows of a kind shall go, from where and on what condition; what is written of them and
    of others, and what history says of the reason.

    ``adapters`` names the adapters of the storages that the assets are in. ``read_back`` are fields
    to be told the new values of.
    """

    model: type[Stateful]
    to: str
    sources: Collection[str]
    fields: Mapping[str, Any]
    cause: Mapping[str, Any]
    adapters: Mapping[str, str]
    where: Condition = ALWAYS
    along: Along | None = None
    read_back: Sequence[str] = ()


@dataclass(frozen=True)
class Moved:
    """A row that moved: its own id, and its asset's; and what was to be read back of it."""

    id: UUID
    asset_id: UUID
    profile: str
    values: Sequence[Any]


@dataclass(frozen=True)
class _Kind:
    """Where a table has the asset of a row, and what history says of the row itself."""

    asset: str = "asset_id"
    named: str = ""
    metadata: str = "'{}'::jsonb"


_KINDS: Mapping[type[Stateful], _Kind] = {
    Asset: _Kind(asset="id"),
    Variant: _Kind(
        named=", rindle_variant.name",
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
    WHERE {column} = ANY(%s::uuid[]) AND state = ANY(%s) AND ({condition})
    ORDER BY id FOR UPDATE
), moved AS (
    UPDATE {table} SET state = %s, updated_at = statement_timestamp(){written}
    FROM held WHERE {table}.id = held.id
    RETURNING {table}.id, {table}.{asset} AS asset_id, held.state AS source,
        {table}.reason_code{named}{values}
){along}, told AS (
    INSERT INTO rindle_transition (subject, subject_id, asset_id, from_state, to_state, profile,
        adapter, reason_code, cause, metadata, emitted_at)
    SELECT %s, moved.id, moved.asset_id, moved.source, %s, asset.profile,
        coalesce(%s::jsonb ->> asset.storage, asset.storage), moved.reason_code,
        {cause}, {metadata}, {emitted}
    FROM moved CROSS JOIN LATERAL (
        SELECT profile, storage, traceparent FROM rindle_asset WHERE id = moved.asset_id OFFSET 0
    ) asset
    RETURNING id, subject_id, asset_id, profile
)
{answer}
"""
_ALONG = """, along AS (
    UPDATE {table} SET {written} WHERE ({condition}) AND EXISTS (SELECT FROM moved)
)"""
_ANSWER = "SELECT id, subject_id, asset_id, profile FROM told"
_ANSWER_WITH_VALUES = (
    "SELECT told.id, told.subject_id, told.asset_id, told.profile, {values}"
    " FROM told JOIN moved ON moved.id = told.subject_id"
)
_CAUSE = "%s::jsonb"
# The row of a deleted asset goes; what deletes its objects goes on with its trace.
_CAUSE_OF_END = (
    "%s::jsonb || CASE WHEN asset.traceparent = '' THEN '{}'::jsonb"
    " ELSE jsonb_build_object('trace', asset.traceparent) END"
)


def carry_out(move: Move, ids: Sequence[Key], *, of_assets: bool = False) -> list[Moved]:
    """Move those rows that the database still allows; returns them. ``ids`` are the rows' own, or
    their assets'."""
    machine, heard = move.model.machine, is_heard(move.model.machine.name, move.to)
    written, values = _assignments(move.model, move.fields)
    beside, beside_values = _beside(move.along)
    statement = _statement(
        move.model,
        column="asset_id" if of_assets else "id",
        condition=move.where.sql,
        written="".join(f", {each}" for each in written),
        along=beside,
        read_back=tuple(move.read_back),
        ends=move.model is Asset and move.to in machine.terminal,
        heard=heard,
    )
    held = (as_array(ids), sorted(move.sources), *move.where.params)
    told = (machine.name, move.to, json.dumps(move.adapters), json.dumps(move.cause))
    with (
        transaction.mark_for_rollback_on_error(using=database()),
        connections[database()].cursor() as cursor,
    ):
        cursor.execute(statement, (*held, move.to, *values, *beside_values, *told))
        found = cursor.fetchall()
    if heard:
        tell_once_committed([entry for entry, *_ in found])
    return [Moved(row, asset, profile, values) for _, row, asset, profile, *values in found]


@lru_cache(maxsize=1024)
def _statement(
    model: type[Stateful],
    *,
    column: str,
    condition: str,
    written: str,
    along: str,
    read_back: tuple[str, ...],
    ends: bool,
    heard: bool,
) -> str:
    kind, table = _KINDS[model], model._meta.db_table
    values = [_field(model, name).column for name in read_back]
    answer = _ANSWER_WITH_VALUES if values else _ANSWER
    return _MOVE.format(
        table=table,
        column=column,
        condition=condition,
        written=written,
        along=along,
        asset=kind.asset,
        named=kind.named,
        values="".join(f", {table}.{each}" for each in values),
        cause=_CAUSE_OF_END if ends else _CAUSE,
        metadata=kind.metadata,
        emitted="NULL" if heard else "statement_timestamp()",
        answer=answer.format(values=", ".join(f"moved.{each}" for each in values)),
    )


def _beside(along: Along | None) -> tuple[str, Sequence[Any]]:
    if along is None:
        return "", ()
    written, values = _assignments(along.model, along.fields)
    update = _ALONG.format(
        table=along.model._meta.db_table, written=", ".join(written), condition=along.where.sql
    )
    return update, (*values, *along.where.params)


def _assignments(
    model: type[Model], fields: Mapping[str, Any]
) -> tuple[Sequence[str], Sequence[Any]]:
    """What comes after SET, and its parameters."""
    written, params = list[str](), list[Any]()
    for name, value in fields.items():
        field = _field(model, name)
        if is_computed(value):
            sql, needed = _computed(model, value)
        else:
            plain = value.pk if isinstance(value, Model) else value
            sql, needed = "%s", (field.get_db_prep_save(plain, connections[database()]),)
        written.append(f"{field.column} = {sql}")
        params.extend(needed)
    return written, params


def is_computed(value: object) -> bool:
    return hasattr(value, "resolve_expression")


def _computed(model: type[Model], value: Any) -> tuple[str, Sequence[Any]]:
    """What the database is to work out. Not by Django's compiler, which takes ten times as long:
    few kinds of expressions are needed."""
    match value:
        case Now():
            return "statement_timestamp()", ()
        case F():
            column = _field(model, value.name).column  # type: ignore[attr-defined]
            return f"{model._meta.db_table}.{column}", ()
        case Value(value=constant):
            return "%s", (constant,)
        case CombinedExpression(lhs=lhs, connector=connector, rhs=rhs):
            (left, before), (right, after) = _computed(model, lhs), _computed(model, rhs)
            return f"({left} {connector} {right})", (*before, *after)
    raise TypeError(f"cannot be written by a move: {value!r}")


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    return cast("Field[Any, Any]", model._meta.get_field(name))


def as_array(ids: Iterable[Key]) -> str:
    """Ids as one parameter, for ``%s::uuid[]``: a list would be written down id by id."""
    return f"{{{','.join(map(str, ids))}}}"
