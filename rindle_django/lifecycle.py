"""The one primitive that changes a state.

A transition is a conditional write: it happens if the row is still in a state that has the edge,
else nothing happens and the caller is told. History is written in the same transaction; events
leave after the outermost commit.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connections, models, transaction
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.db.models.sql import UpdateQuery

from rindle_django.actors import actor_id
from rindle_django.conf import database
from rindle_django.errors import Misconfigured, RequestRefused
from rindle_django.models import (
    Asset,
    Key,
    Stateful,
    Transition,
    UploadSession,
    Variant,
    insert,
    read,
)
from rindle_django.outbox import is_heard, tell_once_committed
from rindle_django.storage import adapter_for

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Seconds between the tries to end work whose database is away: longer than a restart takes.
PERSISTENCE = (0.1, 0.4, 1.0, 2.0, 4.0, 8.0)

_cause: ContextVar[Mapping[str, Any]] = ContextVar("rindle_cause", default={})  # noqa: B039


@contextmanager
def caused_by(**cause: object) -> Iterator[None]:
    """Name who or what causes the transitions made inside; kept in history."""
    token = _cause.set({**_cause.get(), **cause})
    try:
        yield
    finally:
        _cause.reset(token)


@contextmanager
def asked_by(actor: Any) -> Iterator[None]:
    """Name the actor who asked for what is done inside, as it is written on rows; or nobody."""
    name = actor_id(actor)
    with caused_by(**({"actor": name} if name else {})):
        yield


def current_cause() -> dict[str, Any]:
    """Who or what causes what is done at this moment."""
    return dict(_cause.get())


def identity_of(asset_id: Key) -> UUID:
    """An asset's id as callers give it. Raises RequestRefused("asset_not_found") for what can be
    no asset's id."""
    try:
        return asset_id if isinstance(asset_id, UUID) else UUID(str(asset_id))
    except ValueError:
        raise RequestRefused("asset_not_found") from None


@contextmanager
def locked(asset_id: Key, condition: str = "true", *params: Any) -> Iterator[Asset]:
    """A transaction that holds the asset's row, which comes before all others in lock order.

    Raises RequestRefused("asset_not_found"), also of one that does not fulfil the ``condition``.
    """
    with transaction.atomic(using=database()):
        wanted = f"rindle_asset asset WHERE asset.id = %s::uuid AND {condition} FOR UPDATE"
        found = read({"asset": Asset}, wanted, [identity_of(asset_id), *params])
        if not found:
            raise RequestRefused("asset_not_found")
        [[asset]] = found
        yield asset


def lock_of(asset: Asset) -> models.QuerySet[Asset]:
    """The asset's row, locked by the statement whose condition this is, before what it depends on.

    Inside a transaction.
    """
    return Asset.objects.select_for_update().filter(pk=asset.pk)


@contextmanager
def locked_all(asset_ids: Collection[Key]) -> Iterator[list[Asset]]:
    """``locked`` for many assets: those that there are, locked in the order of their keys."""
    with transaction.atomic(using=database()):
        rows = Asset.objects.select_for_update().filter(pk__in=asset_ids).order_by("pk")
        yield list(rows)


def persistently(decide: Callable[[], T]) -> T:
    """Run a transaction, again on a fresh connection if the database went away in its midst.

    For the last word on work that took long: a restart of Postgres shall not cost it. Whether the
    first try was committed cannot be known, so ``decide`` has to see for itself what holds.
    """
    for pause in PERSISTENCE:
        try:
            return decide()
        except (OperationalError, InterfaceError):
            if connections[database()].in_atomic_block:  # not ours to begin again
                raise
            logger.warning("The database went away; trying again in %s s", pause, exc_info=True)
            connections[database()].close()
            time.sleep(pause)
    return decide()


@dataclass(frozen=True)
class Along:
    """An update of other rows that is part of a transition: it happens if a row moves."""

    rows: models.QuerySet[Any]
    fields: Mapping[str, Any]


def transition(
    row: Stateful,
    to: str,
    *,
    only_from: Collection[str] | None = None,
    where: models.Q | None = None,
    along: Along | None = None,
    **fields: Any,
) -> bool:
    """Move ``row`` to ``to`` if the database still allows it; False if somebody was first.

    ``only_from`` narrows the machine's sources, and alone takes edges on request. ``where`` adds
    conditions on the row (a fence, a deadline), ``fields`` are written along, and so is what
    ``along`` says of other rows. On success ``row`` carries the new values; on failure it is stale:
    re-read before deciding anything.
    """
    moved = transition_all([row], to, only_from=only_from, where=where, along=along, **fields)
    return bool(moved)


def transition_all(
    rows: Sequence[Stateful],
    to: str,
    *,
    only_from: Collection[str] | None = None,
    where: models.Q | None = None,
    along: Along | None = None,
    **fields: Any,
) -> list[Stateful]:
    """``transition`` for rows of one model in one statement; returns those that moved."""
    sources = rows[0].machine.sources_of(to, named=only_from) if rows else None
    if not sources:
        return []
    keys = [row.pk for row in rows]
    eligible = type(rows[0]).objects.filter(where or models.Q(), pk__in=keys, state__in=sources)
    changes = {"state": to, **rows[0].momentary, **fields}
    moved = _move(eligible, rows, changes, along)
    _refresh([row for row in rows if row.pk in moved], changes, moved)
    return [row for row in rows if row.pk in moved]


MOVE = """\
WITH eligible AS ({eligible} FOR UPDATE),
moved AS ({update} RETURNING id, reason_code{computed}),{along}
told AS (
    INSERT INTO rindle_transition ({columns})
    SELECT %s, moved.id, entry.asset_id, eligible.state, %s, entry.profile, entry.adapter,
           moved.reason_code, entry.cause::jsonb, entry.metadata::jsonb, statement_timestamp(),
           {emitted}
    FROM moved JOIN eligible USING (id) JOIN {entries} USING (id)
    ORDER BY entry.position
    RETURNING id, subject_id
)
SELECT told.id, moved.id{computed} FROM told JOIN moved ON moved.id = told.subject_id
"""
ENTRIES = """
unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[])
WITH ORDINALITY AS entry (id, asset_id, profile, adapter, cause, metadata, position)
"""
COLUMNS = (
    "subject, subject_id, asset_id, from_state, to_state, profile, adapter, reason_code, cause,"
    " metadata, at, emitted_at"
)


def _move(
    eligible: models.QuerySet[Any],
    rows: Sequence[Stateful],
    changes: Mapping[str, Any],
    along: Along | None,
) -> dict[Any, list[Any]]:
    """Compare, set and write history down, in one statement; what it computed, by the ids of the
    rows that moved.

    The rows are locked in the order of their ids before any is written.
    """
    model, machine, alias = type(rows[0]), rows[0].machine, database()
    heard = is_heard(machine.name, changes["state"])
    chosen = eligible.order_by("id").values_list("id", "state")
    lock, lock_params = chosen.query.get_compiler(alias).as_sql()
    update, update_params = _update_of(
        model.objects.filter(pk__in=RawSQL("SELECT id FROM eligible", ())),
        {**changes, "updated_at": Now()},
    )
    others, others_params = _written_along(along)
    computed = "".join(f", moved.{column}" for column in _computed(changes))
    statement = MOVE.format(
        eligible=lock,
        update=update,
        along=others,
        computed=computed.replace("moved.", ""),
        columns=COLUMNS,
        entries=ENTRIES,
        # What nobody hears is written as sent: to mark it would be to write it again.
        emitted="NULL" if heard else "statement_timestamp()",
    )
    told = (machine.name, changes["state"], *_entries(rows, changes))
    with (
        transaction.mark_for_rollback_on_error(using=alias),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(statement, (*lock_params, *update_params, *others_params, *told))
        found = cursor.fetchall()
    if heard:
        tell_once_committed([entry for entry, *_ in found])
    return {pk: values for _, pk, *values in found}


def _written_along(along: Along | None) -> tuple[str, Sequence[Any]]:
    if along is None:
        return "", ()
    rows = along.rows.filter(RawSQL("EXISTS (SELECT FROM moved)", (), models.BooleanField()))
    update, params = _update_of(rows, along.fields)
    return f"\nalong AS ({update}),", params


def _update_of(rows: models.QuerySet[Any], changes: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    query = rows.query.chain(UpdateQuery)
    query.add_update_values(changes)  # type: ignore[attr-defined]
    statement, params = query.get_compiler(database()).as_sql()
    return statement, params


def _computed(changes: Mapping[str, Any]) -> list[str]:
    return [name for name, value in changes.items() if hasattr(value, "resolve_expression")]


def _refresh(
    rows: Sequence[Stateful], changes: Mapping[str, Any], computed: Mapping[Any, Sequence[Any]]
) -> None:
    """Carry over what was written, and what the database worked out."""
    names = _computed(changes)
    for row in rows:
        for name, value in changes.items():
            if name not in names:
                setattr(row, name, value)
        for name, value in zip(names, computed[row.pk], strict=True):
            setattr(row, name, value)


def record_births(rows: Sequence[Stateful]) -> None:
    """Write the first history entries of new rows of one model, in the transaction that inserts
    them."""
    births = [_birth_of(row) for row in rows]
    told = bool(rows) and _birth_is_told(rows[0])
    sent: dict[str, Any] = {} if told else {"emitted_at": ("statement_timestamp()", ())}
    entries = insert(births, **sent)
    if told:
        tell_once_committed([entry.pk for entry in entries])


def _birth_of(row: Stateful) -> Transition:
    asset = _asset_of(row)
    return Transition(
        subject=row.machine.name,
        subject_id=row.pk,
        asset_id=asset.pk,
        from_state="",
        to_state=row.state,
        profile=asset.profile,
        adapter=adapter_name(asset.storage),
        reason_code=row.reason_code,
        cause=current_cause(),
        metadata=_metadata_of(row),
    )


def _birth_is_told(row: Stateful) -> bool:
    return isinstance(row, UploadSession) and is_heard(row.machine.name, row.state)


def _entries(rows: Sequence[Stateful], changes: Mapping[str, Any]) -> list[list[Any]]:
    """What history says of each row beside its states, a list for each column."""
    columns: list[list[Any]] = [[], [], [], [], [], []]
    for row in rows:
        asset = _asset_of(row)
        entry = (
            row.pk,
            asset.pk,
            asset.profile,
            adapter_name(asset.storage),
            json.dumps({**current_cause(), **_trace_left_by(row, changes["state"])}),
            json.dumps(_metadata_of(row)),
        )
        for column, value in zip(columns, entry, strict=True):
            column.append(value)
    return columns


def _trace_left_by(row: Stateful, to: str) -> dict[str, str]:
    """The row of a deleted asset goes; what deletes its objects goes on with its trace."""
    left = isinstance(row, Asset) and to in row.machine.terminal and row.traceparent
    return {"trace": left} if left else {}


def _asset_of(row: Stateful) -> Asset:
    if isinstance(row, Asset):
        return row
    assert isinstance(row, Variant | UploadSession)
    return row.asset


def _metadata_of(row: Stateful) -> dict[str, Any]:
    if isinstance(row, Variant):
        return {"variant_id": str(row.pk), "variant_name": row.name}
    return {"session_id": str(row.pk)} if isinstance(row, UploadSession) else {}


def adapter_name(alias: str) -> str:
    """What telemetry calls the storage: its adapter's name, or the alias if that is gone."""
    try:
        return adapter_for(alias).name
    except Misconfigured:
        return alias
