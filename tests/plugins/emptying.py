"""Emptying the database after tests that commit.

Django's flush truncates every table and then makes all content types and permissions anew, which
takes longer than most of our tests. Here only what has rows is emptied, and those two are kept.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections, transaction
from django.test import TransactionTestCase

KEPT = ("django_migrations", "django_content_type", "auth_permission")
# Few rows are deleted sooner than a table is truncated; many are not.
LARGE = 1 << 20
USED = """
SELECT c.relname, pg_relation_size(c.oid) > %s FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
  AND pg_relation_size(c.oid) > 0 AND c.relname <> ALL (%s)
"""
# What a test may have added to, or changed in, the two that are kept.
DECLARED = """
SELECT md5(string_agg(t.id || t.app_label || t.model, ',' ORDER BY t.id)),
       (SELECT count(*) FROM auth_permission)
FROM django_content_type t
"""

_declared: dict[str, Any] = {}
TEARDOWN = "_fixture_teardown"
_flush = getattr(TransactionTestCase, TEARDOWN)


def _empty(case: Any) -> None:
    for alias in case._databases_names(include_mirrors=False):
        if connections[alias].vendor != "postgresql" or not _empty_used(alias):
            _flush(case)
            _declared.clear()
            return


def _empty_used(alias: str) -> bool:
    """Whether that was enough: content types and permissions are what they were."""
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute(USED, [LARGE, list(KEPT)])
        used = cursor.fetchall()
        # No guard, no cascade and no check: all of it goes.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table, is_large in used:
            quoted = connections[alias].ops.quote_name(table)
            cursor.execute(f"TRUNCATE {quoted} CASCADE" if is_large else f"DELETE FROM {quoted}")
        cursor.execute(DECLARED)
        found = cursor.fetchone()
    return bool(_declared.setdefault(alias, found) == found)


@pytest.fixture(autouse=True, scope="session")
def _emptying() -> None:
    setattr(TransactionTestCase, TEARDOWN, _empty)
