"""One run of a command at a time: a lock in the database, let go when the process ends, however."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError, connections
from django.db.backends.utils import CursorWrapper

from rindle_django.conf import database
from rindle_django.management.refusals import REFUSED, UNDONE, Refused

HOLDER = """
SELECT l.pid, to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ')
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32) | l.objid::bigint = %s
"""


@contextmanager
def alone(command: str) -> Iterator[None]:
    """Hold the lock of ``command`` on the database that has our tables.

    On a connection of its own: the lock is the session's, not a transaction's, so that no
    transaction stays open and Postgres lets go by itself if this process dies. Raises Refused:
    with 1 if another run holds it, with 2 if nothing can be written there.
    """
    connection = connections[database()].copy()
    try:
        with connection.cursor() as cursor:
            _refuse_to_read_only(cursor)
            _take(cursor, command)
            try:
                yield
            finally:
                # A closed connection's server process lets go when it notices, a moment later:
                # a run that begins at once would be refused.
                _give_back(cursor, command)
    finally:
        connection.close()


def _refuse_to_read_only(cursor: CursorWrapper) -> None:
    cursor.execute("SHOW transaction_read_only")
    if cursor.fetchone()[0] == "on":
        raise Refused(
            "The database is read-only; is it a replica? Run this against the primary, or with "
            "--dry-run.",
            returncode=REFUSED,
            code="database_refused",
        )


def _take(cursor: CursorWrapper, command: str) -> None:
    key = _key(command)
    cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
    if cursor.fetchone()[0]:
        return
    cursor.execute(HOLDER, [key])
    holder = cursor.fetchone()
    since = f" (Postgres process {holder[0]}, since {holder[1]})" if holder else ""
    raise Refused(
        f"Another {command} is running on this database{since}. It goes on; this one did nothing.",
        returncode=UNDONE,
        code="already_running",
    )


def _give_back(cursor: CursorWrapper, command: str) -> None:
    with suppress(DatabaseError):  # whatever is wrong with the connection: closing it lets go, too
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_key(command)])


def _key(command: str) -> int:
    """Postgres keeps the locks of its databases apart; tables may share one under other aliases."""
    digest = hashlib.sha256(f"rindle:{command}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
