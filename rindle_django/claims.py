"""Claims: who may work on a row, for how long, and with which fencing token.

A claim is a lease by the database's clock. A worker that dies lets it expire; whoever comes next
takes the row over with a higher fence, and all that the former holder still writes is refused.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import F
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from rindle_django import ledger, telemetry
from rindle_django.conf import config
from rindle_django.interruption import interrupted_when
from rindle_django.lifecycle import transition_all
from rindle_django.models import Claimable, StoredObject
from rindle_django.moves import Condition

logger = logging.getLogger(__name__)
C = TypeVar("C", bound=Claimable)

# Shares of a lease: after which it is renewed, and after which a holder that could not renew it
# stops by itself, before anybody else may take over.
RENEWED_AFTER = 1 / 3
SURE_FOR = 2 / 3
# How often, in seconds, a holder looks whether its work was cancelled or taken over.
LOOK_EVERY = 2.0
# And while the work tells how far it has come, which is written down along with the look.
TELL_EVERY = 1.0


# That nobody is at a row, or that who was has died: on its columns, in SQL.
UNCLAIMED = "(lease_until IS NULL OR lease_until <= statement_timestamp())"


def unclaimed() -> Condition:
    return Condition(UNCLAIMED)


def held(row: Claimable) -> Condition:
    """That nobody has taken ``row`` over since this holder claimed it."""
    return Condition("fence = %s", row.fence)


def take(row: Claimable, working_state: str) -> bool:
    """``take_all`` of one row."""
    return bool(take_all([row], working_state))


def take_all(rows: Sequence[C], working_state: str) -> list[C]:
    """Claim ``rows`` of one model for this worker; returns those that no other holds and that did
    not move on.

    Tries are counted here, before the work, so that work which kills its worker is counted too.
    Call it inside ``lifecycle.locked``.
    """
    terms: dict[str, Any] = {
        "fence": F("fence") + 1,
        "attempts": F("attempts") + 1,
        "lease_until": _lease(),
        "wake_at": _lease(),
    }
    fresh = [row for row in rows if row.state != working_state]
    taken: set[Any] = {
        row.pk for row in transition_all(fresh, working_state, where=unclaimed(), **terms)
    }
    # A killed attempt left a row in its working state: take it over, do not trip on it (W1.6).
    left = [row for row in rows if row.pk not in taken and row not in fresh]
    taken |= {row.pk for row in left if _take_over(row, working_state, terms)}
    return [row for row in rows if row.pk in taken]


def _take_over(row: Claimable, working_state: str, terms: dict[str, Any]) -> bool:
    mine = type(row).objects.filter(unclaimed(), pk=row.pk, state=working_state)
    taken = bool(mine.update(**terms))
    if taken:
        telemetry.record_once_committed("rindle.claim.lost", 1, {"subject": row.machine.name})
        row.refresh_from_db(fields=list(terms), from_queryset=type(row).objects.all())
    return taken


def claimed_at(row: Claimable) -> datetime:
    """When ``row`` was claimed, by the database's clock. For the one who has just claimed it."""
    assert row.lease_until is not None
    return row.lease_until - timedelta(seconds=config().LEASE)


def writing_time() -> float:
    """After how many seconds of a worker's silence nothing that it writes can still appear."""
    return config().LEASE * 2


def exhausted(row: Claimable) -> bool:
    """Whether earlier claims used up the tries without reporting back: they died."""
    return row.attempts >= row.max_attempts


def abandoned(row: Claimable) -> bool:
    """Whether the tries are used up and nobody is at the last one any more (W1.14)."""
    return exhausted(row) and type(row).objects.filter(unclaimed(), pk=row.pk).exists()


# What a row looks like once nobody works on it and nothing is due.
AT_REST: dict[str, Any] = {"lease_until": None, "wake_at": None}


def due_in(delay: float) -> dict[str, Any]:
    """Fields of a row whose job was enqueued with ``delay``: free, and watched from then on."""
    return {"lease_until": None, "wake_at": _in(delay + config().RECONCILE_GRACE)}


class Holding:
    """The claims that a worker holds on rows, and the objects it is writing for them.

    Sure of itself only as long as the clock of this machine says that the leases run: a worker
    that was paused, or cut off from the database, stops before another takes over.
    """

    def __init__(self, rows: Sequence[Claimable]) -> None:
        self._rows = {row.pk: row for row in rows}
        self._lost: set[Any] = set()
        self._renewed = _clock()
        self.writing: list[StoredObject] = []
        self._news: dict[Any, dict[str, Any]] = {}

    def tell(self, row: Claimable, **news: Any) -> None:
        """Have ``news`` of the work written on ``row`` with the next look, if it is held still.

        The one who works does not wait for the database: what it tells later replaces this.
        """
        self._news[row.pk] = news

    def holds(self, row: Claimable) -> bool:
        """Whether this worker may still go on with ``row``."""
        return row.pk not in self._lost and self._sure()

    def is_lost(self) -> bool:
        """Whether there is nothing left that this worker may go on with."""
        return len(self._lost) == len(self._rows) or not self._sure()

    def _sure(self) -> bool:
        return _clock() - self._renewed < config().LEASE * SURE_FOR

    def renew(self) -> None:
        """Put off the end of the leases and of the time for writing."""
        began = _clock()
        for row in self._held_rows():
            self._note(row, _lease_of(row).update(lease_until=_lease(), wake_at=_lease()))
        ledger.still_writing(tuple(self.writing), settles_in=writing_time())
        self._renewed = began

    def look(self) -> None:
        """See whether somebody cancelled the work or took it over, or whether nobody wants it any
        more; write down what is new of it."""
        for row in self._held_rows():
            lease = _lease_of(row)
            if news := self._news.pop(row.pk, None):
                lease.update(**news)
            self._note(row, lease.filter(row.wanted).exists())

    def due_for_renewal(self) -> bool:
        return _clock() - self._renewed >= config().LEASE * RENEWED_AFTER

    def _held_rows(self) -> list[Claimable]:
        return [row for pk, row in self._rows.items() if pk not in self._lost]

    def _note(self, row: Claimable, held: object) -> None:
        if not held:
            self._lost.add(row.pk)


def _lease_of(row: Claimable) -> Any:
    return type(row).objects.filter(pk=row.pk, fence=row.fence, lease_until__isnull=False)


@contextmanager
def kept_alive(rows: Sequence[Claimable], *, look_every: float = LOOK_EVERY) -> Iterator[Holding]:
    """Renew the leases of ``rows`` from a thread of its own while the work goes on.

    What takes long inside is interrupted when all claims are lost, which is seen within
    ``look_every`` seconds.
    """
    done, holding = threading.Event(), Holding(rows)
    renewer = threading.Thread(
        target=_keep_alive, args=(holding, done, look_every), daemon=True, name="rindle-lease"
    )
    renewer.start()
    try:
        with interrupted_when(holding.is_lost):
            yield holding
    finally:
        done.set()
        renewer.join()


def _keep_alive(holding: Holding, done: threading.Event, look_every: float) -> None:
    pause = min(look_every, config().LEASE * RENEWED_AFTER)
    try:
        while not done.wait(pause):
            _look_after(holding)
    finally:
        connections.close_all()


def _look_after(holding: Holding) -> None:
    try:
        if holding.due_for_renewal():
            holding.renew()
        holding.look()
    except (DatabaseError, InterfaceError):
        # Asked again on a fresh connection; in the end the clock decides.
        logger.warning("Leases could not be renewed", exc_info=True)
        connections.close_all()


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where there are such."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _lease() -> Combinable:
    return _in(config().LEASE)


def _in(seconds: float) -> Combinable:
    return Now() + timedelta(seconds=seconds)
