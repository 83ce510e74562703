"""The outbox: history entries are written with what they tell of, and sent after the commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction

from rindle_django import events
from rindle_django.conf import database
from rindle_django.models import Transition


@dataclass
class _Telling:
    """The history entries to tell of after a commit, all in one go."""

    ids: list[int]

    def __post_init__(self) -> None:
        # What Django calls it by when it raises: for want of it, Django would raise over a commit.
        self.__qualname__ = type(self).__qualname__

    def __call__(self) -> None:
        emit_pending(self.ids)


def tell_once_committed(ids: Sequence[int]) -> None:
    """Send the events of history entries after the outermost commit, those of one in one go."""
    if not ids:
        return
    connection = connections[database()]
    for savepoints, telling, *_ in connection.run_on_commit:
        # Within the same savepoints, so that both are rolled back together.
        if isinstance(telling, _Telling) and savepoints == set(connection.savepoint_ids):
            telling.ids.extend(ids)
            return
    transaction.on_commit(_Telling(list(ids)), using=database(), robust=True)


def emit_pending(ids: Sequence[int]) -> int:
    """Send the events of history entries that were not sent yet; returns how many were sent.

    An entry is marked first and sent then, so no event is ever sent twice.
    """
    entries = sorted(Transition.objects.raw(MARK_SENT, [list(ids)]), key=lambda each: each.pk)
    for entry in entries:
        event = _event_of(entry)
        if event is not None:
            events.emit(event, _event_metadata(entry))
    return len(entries)


MARK_SENT = (
    "UPDATE rindle_transition SET emitted_at = statement_timestamp()"
    " WHERE id = ANY(%s) AND emitted_at IS NULL RETURNING *"
)


def _event_of(entry: Transition) -> str | None:
    if entry.subject != "session" and not entry.from_state:
        return None
    return _event_name(entry.subject, entry.to_state)


def _event_name(subject: str, to: str) -> str | None:
    """What tells of a move to that state; a session's first and last alone are told."""
    if subject == "session":
        return {"initialized": "rindle.upload.start", "completed": "rindle.upload.stop"}.get(to)
    return f"rindle.{subject}.state_change"


def is_heard(subject: str, to: str) -> bool:
    """Whether anybody would notice that a row of this kind moves to that state."""
    event = _event_name(subject, to)
    return event is not None and events.heard(event)


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
