"""The primitives that change a state: of rows at hand, and of many by their ids.

A transition is a conditional write: it happens if the row is still in a state that has the edge,
else nothing happens and the caller is told. History is written in the same transaction; events
leave after the outermost commit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connections, transaction

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
from rindle_django.moves import (
    ALWAYS,
    Along,
    Condition,
    Move,
    Moved,
    as_array,
    carry_out,
    is_computed,
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


def lock_of(asset: Asset) -> Condition:
    """That a row is ``asset``'s, which the statement with this condition locks before it locks the
    row. Inside a transaction."""
    return Condition("asset_id IN (SELECT id FROM rindle_asset WHERE id = %s FOR UPDATE)", asset.pk)


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


def lock_free_assets(ids: Sequence[Key]) -> list[UUID]:
    """Lock those of these assets that nobody else holds, in the order of their ids.

    A transaction that holds many is not to wait for anybody: all that it holds would wait along.
    """
    with connections[database()].cursor() as cursor:
        cursor.execute(
            "SELECT id FROM rindle_asset WHERE id = ANY(%s::uuid[]) ORDER BY id"
            " FOR UPDATE SKIP LOCKED",
            [as_array(ids)],
        )
        return [row[0] for row in cursor.fetchall()]


def transition(
    row: Stateful,
    to: str,
    *,
    only_from: Collection[str] | None = None,
    where: Condition = ALWAYS,
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
    where: Condition = ALWAYS,
    along: Along | None = None,
    **fields: Any,
) -> list[Stateful]:
    """``transition`` for rows of one model in one statement; returns those that moved."""
    sources = rows[0].machine.sources_of(to, named=only_from) if rows else None
    if not sources:
        return []
    changes = {**rows[0].momentary, **fields}
    move = Move(
        type(rows[0]),
        to,
        sources,
        changes,
        current_cause(),
        _adapters({_asset_of(row).storage for row in rows}),
        where,
        along,
        read_back=[name for name, value in changes.items() if is_computed(value)],
    )
    found = {each.id: each for each in carry_out(move, [row.pk for row in rows])}
    moved = [row for row in rows if row.pk in found]
    for row in moved:
        worked_out = dict(zip(move.read_back, found[row.pk].values, strict=True))
        for name, value in {"state": to, **changes, **worked_out}.items():
            setattr(row, name, value)
    return moved


def move_all(
    model: type[Stateful],
    ids: Sequence[Key],
    to: str,
    *,
    of_assets: bool = False,
    only_from: Collection[str] | None = None,
    storages: Collection[str],
    where: Condition = ALWAYS,
    **fields: Any,
) -> list[Moved]:
    """``transition_all`` without a row being loaded, for what goes through whole tables.

    Called inside a transaction that holds the assets of these rows. ``ids`` are the rows' own, or
    their assets'. ``storages`` are the aliases that the assets are in.
    """
    sources = model.machine.sources_of(to, named=only_from) if ids else None
    if not sources:
        return []
    changes = {**model.momentary, **fields}
    move = Move(model, to, sources, changes, current_cause(), _adapters(storages), where)
    return carry_out(move, ids, of_assets=of_assets)


def _adapters(storages: Collection[str]) -> dict[str, str]:
    return {alias: adapter_name(alias) for alias in storages}


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
