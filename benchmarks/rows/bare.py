"""The same writes in bare SQL: on the same rows and indexes, each table in one statement for all
rows, in one transaction. Nothing that does these writes on one connection can be faster.
"""

from __future__ import annotations

_HISTORY = """
INSERT INTO rindle_transition (subject, subject_id, asset_id, from_state, to_state, profile,
    adapter, reason_code, cause, metadata, emitted_at)
SELECT %(subject)s, id, {asset}, %(before)s, %(after)s, profile, 'filesystem', '', '{{}}', '{{}}',
    now()
FROM {table}
"""
_JOBS = """
INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args)
SELECT %(queue)s, %(task)s, 0, jsonb_build_object('asset_id', id, 'profile', 'upkeep')
FROM rindle_asset
"""

_ASSETS = """
UPDATE rindle_asset SET state = 'deleted', updated_at = now(), wake_at = now() + interval '1 hour'
"""
_OBJECTS = """
UPDATE rindle_storedobject SET state = 'doomed', wake_at = settles_at, updated_at = now()
"""
_SESSIONS = """
UPDATE rindle_uploadsession
SET state = 'expired', reason_code = 'upload_expired', updated_at = now()
"""
CLEANUP = (_ASSETS, _OBJECTS, _HISTORY.format(table="rindle_asset", asset="id"), _JOBS)
ABORT = (_SESSIONS, _HISTORY.format(table="rindle_uploadsession", asset="asset_id"))
RECONCILE = ("UPDATE rindle_variant SET wake_at = now() + interval '1 hour'", _JOBS)


def run(statements: tuple[str, ...], **terms: str) -> None:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, terms)
