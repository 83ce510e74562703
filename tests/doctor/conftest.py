"""Fixtures of the tests of doctor and status."""

from __future__ import annotations

import pytest
from django.db import connection


@pytest.fixture(autouse=True)
def _no_workers_of_others(request: pytest.FixtureRequest) -> None:
    """Workers that were killed in other tests leave their row behind."""
    if request.node.get_closest_marker("django_db") is not None:
        request.getfixturevalue("_no_jobs_of_others")
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_workers")
