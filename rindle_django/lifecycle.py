"""The one primitive that changes a state, and the outbox that tells of it.

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

from django.db import InterfaceError, OperationalError, connections, models, transaction
from django.db.models.functions import Now

from rindle_django import events
from rindle_django.actors import actor_id
from rindle_django.conf import database
from rindle_django.errors import Misconfigured, RequestRefused
from rindle_django.models import Asset, Key, Stateful, Transition, UploadSession, Variant
from rindle_django.states import Machine
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
def locked(asset_id: Key) -> Iterator[Asset]:
    """A transaction that holds the asset's row, which comes before all others in lock order.

    Raises RequestRefused("asset_not_found").
    """
    with transaction.atomic(using=database()):
        asset_id = identity_of(asset_id)
        asset = Asset.objects.select_for_update().filter(pk=asset_id).first()
        if asset is None:
            raise RequestRefused("asset_not_found")
        yield asset


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


def transition(
    row: Stateful,
    to: str,
    *,
    only_from: Collection[str] | None = None,
    where: models.Q | None = None,
    **fields: Any,
) -> bool:
    """Move ``row`` to ``to`` if the database still allows it; False if somebody was first.

    ``only_from`` narrows the machine's sources, and alone takes edges on request. ``where`` adds
    conditions on the row (a fence, a deadline), ``fields`` are written along. On success ``row``
    carries the new values; on failure it is stale: re-read before deciding anything.
    """
    return bool(transition_all([row], to, only_from=only_from, where=where, **fields))


def transition_all(
    rows: Sequence[Stateful],
    to: str,
    *,
    only_from: Collection[str] | None = None,
    where: models.Q | None = None,
    **fields: Any,
) -> list[Stateful]:
    """``transition`` for rows of one model in one statement; returns those that moved."""
    if not rows:
        return []
    model, machine = type(rows[0]), rows[0].machine
    sources = machine.sources_of(to, named=only_from)
    with transaction.atomic(using=database()):
        eligible = (
            model.objects.filter(pk__in=[row.pk for row in rows], state__in=sources)
            .filter(where or models.Q())
            .order_by("pk")
            .select_for_update()
        )
        before = dict(eligible.values_list("pk", "state"))
        if not before:
            return []
        changes = {"state": to, **model.momentary, **fields}
        model.objects.filter(pk__in=before).update(**changes, updated_at=Now())
        moved = [row for row in rows if row.pk in before]
        _refresh(moved, changes)
        _write_history(machine, moved, before, to)
    return moved


def _refresh(rows: Sequence[Stateful], changes: Mapping[str, Any]) -> None:
    computed = [name for name, value in changes.items() if hasattr(value, "resolve_expression")]
    for row in rows:
        for name, value in changes.items():
            if name not in computed:
                setattr(row, name, value)
    if computed:
        _refresh_computed(rows, computed)


def _refresh_computed(rows: Sequence[Stateful], names: Sequence[str]) -> None:
    """What the database worked out, for all rows in one query."""
    found = type(rows[0]).objects.filter(pk__in=[row.pk for row in rows])
    values = {pk: those for pk, *those in found.values_list("pk", *names)}
    for row in rows:
        for name, value in zip(names, values[row.pk], strict=True):
            setattr(row, name, value)


def record_births(rows: Sequence[Stateful]) -> None:
    """Write the first history entries of new rows of one model, in the transaction that inserts
    them."""
    if rows:
        _write_history(rows[0].machine, rows, {row.pk: "" for row in rows}, rows[0].state)


def _write_history(
    machine: Machine, rows: Sequence[Stateful], before: Mapping[Any, str], to: str
) -> None:
    entries = Transition.objects.bulk_create(
        [_history_of(machine, row, before[row.pk], to) for row in rows]
    )
    ids = [entry.pk for entry in entries]

    def tell() -> None:  # not a partial: when one raises, Django fails over its missing name
        emit_pending(ids)

    transaction.on_commit(tell, using=database(), robust=True)


def _history_of(machine: Machine, row: Stateful, source: str, to: str) -> Transition:
    asset = _asset_of(row)
    return Transition(
        subject=machine.name,
        subject_id=row.pk,
        asset_id=asset.pk,
        from_state=source,
        to_state=to,
        profile=asset.profile,
        adapter=adapter_name(asset.storage),
        reason_code=row.reason_code,
        cause={**current_cause(), **_trace_left_by(row, to)},
        metadata=_metadata_of(row),
    )


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


# --- outbox ------------------------------------------------------------------------------------


def emit_pending(ids: Sequence[int]) -> int:
    """Send the events of history entries that were not sent yet; returns how many were sent.

    An entry is marked first and sent then, so no event is ever sent twice.
    """
    entries = Transition.objects.in_bulk(_mark_sent(ids))
    for _, entry in sorted(entries.items()):
        event = _event_of(entry)
        if event is not None:
            events.emit(event, _event_metadata(entry))
    return len(entries)


def _mark_sent(ids: Sequence[int]) -> list[int]:
    with connections[database()].cursor() as cursor:
        cursor.execute(
            "UPDATE rindle_transition SET emitted_at = statement_timestamp()"
            " WHERE id = ANY(%s) AND emitted_at IS NULL RETURNING id",
            [list(ids)],
        )
        return [row[0] for row in cursor.fetchall()]


def _event_of(entry: Transition) -> str | None:
    if entry.subject == "session":
        return {"initialized": "rindle.upload.start", "completed": "rindle.upload.stop"}.get(
            entry.to_state
        )
    return f"rindle.{entry.subject}.state_change" if entry.from_state else None


def _event_metadata(entry: Transition) -> dict[str, Any]:
    return {
        "profile": entry.profile,
        "adapter": entry.adapter,
        "from": entry.from_state,
        "to": entry.to_state,
        "asset_id": str(entry.asset_id),
        **({"reason_code": entry.reason_code} if entry.reason_code else {}),
        **entry.metadata,
    }
