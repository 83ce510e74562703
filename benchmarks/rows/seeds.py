"""Rows that maintenance has something to do with, in SQL: each kind at rest but for one thing.

``%(rows)s`` is how many. The ids are random, as those of real rows are.
"""

from __future__ import annotations

from typing import Any

from benchmarks.seeding import INDEXES

TABLES = (
    *("rindle_uploadsession", "rindle_variant", "rindle_storedobject", "rindle_asset"),
    *("rindle_transition", "procrastinate_events", "procrastinate_jobs"),
)

_AT = """
FROM generate_series(1, %(rows)s) i
CROSS JOIN LATERAL (SELECT now() - interval '1 day' - i * interval '1 year' / %(rows)s AS at) t
"""

_ASSETS = (
    """
INSERT INTO rindle_asset (id, state, profile, storage, actor, kind, filename, content_type, sha256,
    reason_code, reason, fence, attempts, max_attempts, metadata, traceparent, created_at,
    updated_at)
SELECT md5('a' || i)::uuid, %(asset_state)s, 'upkeep', 'default', 'auth.user:' || i %% 5000,
    'image', 'photo ' || i || '.jpg', 'image/jpeg', '', '', '', 0, 0, 3, '{}', '', at, at
"""
    + _AT
)

# Nobody could have written the bytes for good yet: there is nothing to ask the storage.
_STAGING = (
    """
INSERT INTO rindle_storedobject (id, state, purpose, storage, key, asset_id, reason_code, reason,
    sha256, confirmation, content_type, attempts, settles_at, created_at, updated_at)
SELECT md5('o' || i)::uuid, 'expected', 'staging', 'default', 'staging/' || md5('o' || i),
    md5('a' || i)::uuid, '', '', '', '', 'image/jpeg', 0, now() + interval '1 day', at, at
"""
    + _AT
)

_SESSIONS = (
    """
INSERT INTO rindle_uploadsession (id, state, profile, actor, filename, content_type, byte_size,
    sha256, asset_id, staging_id, reason_code, reason, expires_at, created_at, updated_at)
SELECT md5('u' || i)::uuid, %(session_state)s, 'upkeep', 'auth.user:' || i %% 5000, 'photo.jpg',
    'image/jpeg', 2000000, '', md5('a' || i)::uuid, md5('o' || i)::uuid, '', '',
    at + interval '1 hour', at, at
"""
    + _AT
)

_VARIANTS = (
    """
INSERT INTO rindle_variant (id, state, name, kind, recipe_digest, asset_id, published_digest,
    content_type, reason_code, reason, fence, attempts, max_attempts, wake_at, created_at,
    updated_at)
SELECT md5('v' || i)::uuid, 'queued', 'thumb', 'image', repeat('d', 64), md5('a' || i)::uuid, '',
    '', '', '', 0, 0, 5, at, at, at
"""
    + _AT
)

UPLOADS = (_ASSETS, _STAGING, _SESSIONS)
OUTPUTS = (_ASSETS, _VARIANTS)


def seed(statements: tuple[str, ...], rows: int, **states: str) -> None:
    """Replace all rows. Past the guards, which want every row to be born in its first state."""
    from django.db import connection, transaction

    with connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
            cursor.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
            definitions = _drop_indexes(cursor)
            for statement in statements:
                cursor.execute(statement, {"rows": rows, **states})
            for definition in definitions:
                cursor.execute(definition)
        for table in TABLES:
            cursor.execute(f"VACUUM ANALYZE {table}")
        cursor.execute("CHECKPOINT")  # its writing is not to be timed


def keep() -> None:
    """Set the rows aside as they are."""
    _copy("{name}", "{name}_kept")


def restore() -> None:
    """Have them again. A copy of files is faster than rows and indexes made anew."""
    _copy("{name}_kept", "{name}")


def _copy(source: str, target: str) -> None:
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{target.format(name=name)}" WITH (FORCE)')
        cursor.execute(
            f'CREATE DATABASE "{target.format(name=name)}"'
            f' TEMPLATE "{source.format(name=name)}" STRATEGY FILE_COPY'
        )


def _drop_indexes(cursor: Any) -> list[str]:
    """Of the tables of ours; made again at the end, they cost a third."""
    cursor.execute(INDEXES, {})
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP INDEX {name}")
    return [definition for _, definition in found]
