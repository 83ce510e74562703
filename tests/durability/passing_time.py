"""Time that passes at once: instead of waiting, everything that is written down is made older."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from django.db import connections, transaction
from psycopg import sql

from rindle_django.conf import database

MOMENTS = """
SELECT t.table_name, array_agg(c.column_name::text ORDER BY c.column_name)
FROM information_schema.tables t
JOIN information_schema.columns c USING (table_schema, table_name)
WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
  AND (t.table_name LIKE 'rindle\\_%' OR t.table_name LIKE 'procrastinate\\_%')
  AND c.data_type = 'timestamp with time zone'
GROUP BY t.table_name ORDER BY t.table_name
"""


def let_pass(seconds: float, *folders: Path) -> None:
    """Let so many seconds pass: for the rows of ours and of the queue, and for what lies in
    ``folders``. Nobody else may be working meanwhile."""
    alias = database()
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        # Growing older is no event: neither guards nor logs shall see it.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(MOMENTS)
        for table, columns in cursor.fetchall():
            cursor.execute(_older(table, columns, timedelta(seconds=seconds)))
    for folder in folders:
        _make_older(folder, seconds)


def _older(table: str, columns: list[str], age: timedelta) -> sql.Composed:
    changes = [
        sql.SQL("{0} = {0} - {1}").format(sql.Identifier(each), sql.Literal(age))
        for each in columns
    ]
    return sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), sql.SQL(", ").join(changes))


def _make_older(folder: Path, seconds: float) -> None:
    for path in folder.rglob("*"):
        found = path.lstat()
        os.utime(
            path,
            (found.st_atime - seconds, found.st_mtime - seconds),
            follow_symlinks=False,
        )
