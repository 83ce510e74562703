"""Claims: who may work on a row, for how long, and with which fencing token.

A claim is a lease by the database's clock. A worker that dies lets it expire; whoever comes next
takes the row over with a higher fence, and all that the former holder still writes is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import close_old_connections, connections
from django.db.models import F, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from rindle_django import ledger
from rindle_django.conf import config
from rindle_django.lifecycle import transition
from rindle_django.models import Claimable, StoredObject


def unclaimed() -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lte=Now())


def held(row: Claimable) -> Q:
    """Condition: nobody has taken ``row`` over since this holder claimed it."""
    return Q(fence=row.fence)


def take(row: Claimable, working_state: str) -> bool:
    """Claim ``row`` for this worker; False if another holds it or it moved on.

    Tries are counted here, before the work, so that work which kills its worker is counted too.
    Call it inside ``lifecycle.locked``.
    """
    terms: dict[str, Any] = {
        "fence": F("fence") + 1,
        "attempts": F("attempts") + 1,
        "lease_until": _in(config().LEASE),
        "wake_at": _in(config().LEASE + config().RECONCILE_GRACE),
    }
    if row.state != working_state:
        return transition(row, working_state, where=unclaimed(), **terms)
    # A killed attempt left the row in its working state: take it over, do not trip on it (W1.6).
    mine = type(row).objects.filter(unclaimed(), pk=row.pk, state=working_state)
    taken = bool(mine.update(**terms))
    if taken:
        row.refresh_from_db(fields=list(terms), from_queryset=type(row).objects.all())
    return taken


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


@contextmanager
def kept_alive(rows: Sequence[Claimable]) -> Iterator[list[StoredObject]]:
    """Renew the leases of ``rows`` from a thread of its own while the work goes on.

    The objects that the work writes go into the list that is given: they, too, are kept from
    being taken for abandoned.
    """
    done, writing = threading.Event(), list[StoredObject]()
    renewer = threading.Thread(
        target=_renew, args=(rows, writing, done), daemon=True, name="rindle-lease"
    )
    renewer.start()
    try:
        yield writing
    finally:
        done.set()
        renewer.join()


def _renew(
    rows: Sequence[Claimable], writing: Sequence[StoredObject], done: threading.Event
) -> None:
    try:
        while not done.wait(config().LEASE / 3):
            close_old_connections()
            for row in rows:
                type(row).objects.filter(
                    pk=row.pk, fence=row.fence, lease_until__isnull=False
                ).update(
                    lease_until=_in(config().LEASE),
                    wake_at=_in(config().LEASE + config().RECONCILE_GRACE),
                )
            ledger.still_writing(tuple(writing), settles_in=writing_time())
    finally:
        connections.close_all()


def _in(seconds: float) -> Combinable:
    return Now() + timedelta(seconds=seconds)
