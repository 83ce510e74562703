"""The rows of the benchmarks are like those of a site: the library can work with them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from rindle_django.models import Asset, Variant
from rindle_django.operations.recipes import plan_recipes, regenerate_variants
from rindle_django.profiles import unregister
from rindle_django.profiles.base import register

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("made_up_rows"),
]
ASSETS = 4000
INDEXES = "SELECT count(*) FROM pg_indexes WHERE tablename LIKE 'rindle%'"


@pytest.fixture
def _profiles() -> Iterator[None]:
    from benchmarks.media import Picture, Portrait

    register(Picture)
    register(Portrait)
    yield
    unregister(Picture)
    unregister(Portrait)


def indexes() -> int:
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        return int(cursor.fetchone()[0])


@pytest.mark.usefixtures("_profiles")
def test_seeded_rows_can_be_planned_and_regenerated():
    from benchmarks.seed import seed

    before = indexes()
    seed(ASSETS, lambda _line: None)
    assert indexes() == before
    assert Asset.objects.count() == ASSETS
    assert Variant.objects.count() == 3 * (ASSETS - 3)

    plan = plan_recipes(profile=["picture", "portrait"])
    # One recipe was changed when a tenth had been made; a few are stale, missing or failed.
    assert 400 - 20 <= plan.total("stale") <= 400 + 20
    assert plan.total("missing") > 0
    assert plan.total("failed") > 0
    assert plan.cpu_seconds is not None
    assert {row.basis for row in plan.rows if row.to_make} == {"past runs"}

    report = regenerate_variants(
        profile=["picture", "portrait"], only="stale", dry_run=False, limit=150
    )
    assert report.queued == 150
