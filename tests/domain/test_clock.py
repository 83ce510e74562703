"""One clock: whatever the machine of a worker or a web server believes, the database's decides."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from rindle_django.conf import config
from rindle_django.models import Asset
from rindle_django.processing.claim import claim
from rindle_django.promotion.promote import _claim as claim_promotion
from rindle_django.testing import drain_jobs
from tests.kit import arrive, picture, promise

pytestmark = pytest.mark.django_db(transaction=True)


WRONG = pytest.mark.parametrize("hours", [-1, 1])


def set_clock(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    wrong = timezone.now() + timedelta(hours=hours)
    monkeypatch.setattr(timezone, "now", lambda: wrong)


def lives(table: str, column: str) -> list[float]:
    """Seconds from the database's now to each time in ``column``."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT extract(epoch FROM {column} - now()) FROM {table} WHERE {column} IS NOT NULL"
        )
        return [float(row[0]) for row in cursor.fetchall()]


def lasts(seconds: float, found: list[float]) -> None:
    assert found
    assert all(seconds - 10 < each <= seconds for each in found), found


def queued() -> Asset:
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    return asset


@WRONG
def test_a_lease_on_a_variant_ends_by_the_databases_clock__row_22(
    monkeypatch: pytest.MonkeyPatch, hours: int
):
    asset = queued()
    set_clock(monkeypatch, hours)
    assert len(claim(str(asset.pk), "thumb")[1]) == 3
    lasts(config().LEASE, lives("rindle_variant", "lease_until"))


@WRONG
def test_a_lease_on_an_asset_ends_by_the_databases_clock__row_22(
    monkeypatch: pytest.MonkeyPatch, hours: int
):
    asset = arrive(picture())
    set_clock(monkeypatch, hours)
    assert claim_promotion(str(asset.pk)) is not None
    lasts(config().LEASE, lives("rindle_asset", "lease_until"))


@WRONG
def test_an_upload_ends_by_the_databases_clock__row_22(monkeypatch: pytest.MonkeyPatch, hours: int):
    set_clock(monkeypatch, hours)
    promise()
    lasts(config().UPLOAD_TTL, lives("rindle_uploadsession", "expires_at"))
