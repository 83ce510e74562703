"""The database: whether it answers, is the right one, has our tables, and how it is set."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError, connections
from django.db.migrations.loader import MigrationLoader

from rindle_django.conf import database
from rindle_django.operations.doctor.diagnosis import Observation, error, ok, warn
from rindle_django.operations.reading import select

APPS = ("rindle", "procrastinate")
TOLERATED, TOO_MUCH = 5.0, 60.0
GUARDED = ("rindle_asset", "rindle_variant", "rindle_uploadsession", "rindle_storedobject")
GUARDS = frozenset(f"{table}_{edge}" for table in GUARDED for edge in ("birth", "edge"))
TELLING = frozenset({"rindle_asset_told", "rindle_variant_told", "rindle_variant_born"})


def outage() -> str | None:
    """Why the database does not answer; None if it does.

    A connection that died with an earlier server says nothing, so a fresh one is tried.
    """
    try:
        select("SELECT 1")
    except (DatabaseError, InterfaceError) as first:
        if connections[database()].in_atomic_block:
            return _first_line(first)
        connections[database()].close()
        try:
            select("SELECT 1")
        except (DatabaseError, InterfaceError) as second:
            return _first_line(second)
    return None


def _first_line(fault: Exception) -> str:
    """The server's words; they name host and port, and no password."""
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0][:200]


def reachable() -> Iterator[Observation]:
    alias = database()
    if (why := outage()) is not None:
        yield error(
            f"Database {alias!r} does not answer: {why}.",
            "This is an outage: see that PostgreSQL runs and can be reached from here. Nothing is "
            "lost; work goes on by itself afterwards.",
        )
        return
    ((version,),) = select("SELECT current_setting('server_version')")
    if only_read():
        yield warn(
            f"Database {alias!r} can only be read: no upload and no job can change anything there.",
            "Point PROCRASTINATE_DATABASE_ALIAS at the primary.",
        )
    yield ok(f"Database {alias!r} answers; PostgreSQL {version.split()[0]}.")


def only_read() -> bool:
    """Whether nothing can be written: a replica, or a connection that is set so."""
    query = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'"
    return bool(select(query)[0][0])


def migrations() -> Iterator[Observation]:
    loader = MigrationLoader(connections[database()])
    for label in APPS:
        files = {key for key in loader.disk_migrations if key[0] == label}
        applied = {key for key in loader.applied_migrations if key[0] == label}
        missing = sorted(name for _, name in files - applied)
        # A squashed file stands for those that it replaces.
        missing = [name for name in missing if not loader.disk_migrations[label, name].replaces]
        unknown = sorted(name for _, name in applied - files)
        if missing:
            yield error(
                f"{len(missing)} migrations of {label} are not applied: {_few(missing)}.",
                f"Run manage.py migrate {label}.",
            )
        if unknown:
            yield error(
                f"The database has migrations of {label} that this code does not know: "
                f"{_few(unknown)}.",
                "An older version of the code runs here. Install the one that the database was "
                "migrated for.",
            )


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def missing_triggers(wanted: frozenset[str] = GUARDS) -> list[str]:
    """Dumps that are restored without triggers, and helpful colleagues, remove them unnoticed."""
    found = {
        trigger
        for (trigger,) in select(
            "SELECT tgname FROM pg_trigger"
            " WHERE tgname LIKE 'rindle%%' AND tgenabled IN ('O', 'A')"
            " AND tgrelid::regclass::text = ANY(%s)",
            [list(GUARDED)],
        )
    }
    return sorted(wanted - found)


def guard() -> Iterator[Observation]:
    if lacking := missing_triggers():
        yield error(
            f"Triggers that refuse illegal states are missing or disabled: {_few(lacking)}.",
            "Enable them, or apply migration rindle.0002_state_guard anew.",
        )
    if lacking := missing_triggers(TELLING):
        yield warn(
            f"Triggers that tell pages of progress are missing or disabled: {_few(lacking)}.",
            "Pages hear of changes up to 15 seconds late. Enable them, or apply migration "
            "rindle.0003_progress anew.",
        )


def indexes() -> Iterator[Observation]:
    broken = select(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
        " AND (indrelid::regclass::text LIKE 'rindle%%'"
        "      OR indrelid::regclass::text LIKE 'procrastinate%%') ORDER BY 1"
    )
    if broken:
        yield error(
            f"Indexes are invalid: {_few([name for (name,) in broken])}.",
            "A build of them was broken off. Run REINDEX INDEX CONCURRENTLY for each.",
        )


def clock() -> Iterator[Observation]:
    before = time.time()
    ((theirs,),) = select("SELECT extract(epoch FROM clock_timestamp())")
    skew = (before + time.time()) / 2 - float(theirs)
    if abs(skew) > TOLERATED:
        say = error if abs(skew) > TOO_MUCH else warn
        yield say(
            f"The clock of this machine is {skew:+.0f} seconds off the database's.",
            "Have both keep time by NTP: URLs are signed by this machine's clock.",
        )


_SETTINGS = ("idle_in_transaction_session_timeout", "lock_timeout", "idle_session_timeout")


def timeouts() -> Iterator[Observation]:
    values = dict(
        select("SELECT name, setting::bigint FROM pg_settings WHERE name = ANY(%s)", [[*_SETTINGS]])
    )
    idle, lock, session = (values.get(name, 0) for name in _SETTINGS)
    add = "In DATABASES: OPTIONS = {'options': '-c %s'}; see the guide on workers."
    if idle == 0:
        yield warn(
            "A process that is frozen in a transaction keeps its locks for ever: "
            "idle_in_transaction_session_timeout is off.",
            add % "idle_in_transaction_session_timeout=30s",
        )
    if lock == 0:
        yield warn(
            "Whoever waits for a lock may wait for ever: lock_timeout is off.",
            add % "lock_timeout=10s",
        )
    if session:
        yield warn(
            f"Sessions that are idle for {session / 1000:.0f} seconds are ended "
            "(idle_session_timeout): workers lose the session that they listen on.",
            "Turn it off for the role of the workers.",
        )
