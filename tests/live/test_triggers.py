"""The database tells of what is shown, once it is committed, whoever changed it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from procrastinate.contrib.django.utils import connector_params

from rindle_django.live.channel import CHANNEL
from rindle_django.models import Asset, Variant
from rindle_django.operations.doctor.database import TELLING, missing_triggers
from tests.doctor.signs import said_by
from tests.rows import asset_in, newborn, variant_in

pytestmark = pytest.mark.django_db(transaction=True)


class Ear:
    def __init__(self, session: psycopg.Connection) -> None:
        self.session = session

    def heard(self) -> list[str]:
        """What was told since it was asked last."""
        # A later word on the same channel comes after all that were told before.
        self.session.execute("SELECT pg_notify(%s, 'end')", [CHANNEL])
        payloads: list[str] = []
        for notification in self.session.notifies(timeout=5):
            if notification.payload == "end":
                return payloads
            payloads.append(notification.payload)
        raise AssertionError("The end was not heard")


@pytest.fixture
def ear() -> Iterator[Ear]:
    with psycopg.connect(**connector_params(), autocommit=True) as session:
        session.execute(f"LISTEN {CHANNEL}")
        yield Ear(session)


def test_each_change_that_is_shown_is_told_by_the_assets_id(ear: Ear):
    variant = variant_in("queued")
    ear.heard()
    told = [str(variant.asset_id)]

    Variant.objects.filter(pk=variant.pk).update(state="processing")
    assert ear.heard() == told
    Variant.objects.filter(pk=variant.pk).update(progress=40)
    assert ear.heard() == told
    Variant.objects.filter(pk=variant.pk).update(progress=41)
    assert ear.heard() == told
    Asset.objects.filter(pk=variant.asset_id).update(state="validating")
    assert ear.heard() == told
    Asset.objects.filter(pk=variant.asset_id).update(reason_code="storage_unavailable")
    assert ear.heard() == told


def test_a_variant_that_is_added_is_told(ear: Ear):
    asset = asset_in("ready")
    ear.heard()
    newborn("variant", asset=asset)
    assert ear.heard() == [str(asset.pk)]


def test_what_is_not_shown_or_not_changed_is_not_told(ear: Ear):
    variant = variant_in("processing", progress=7)
    ear.heard()
    Variant.objects.update(lease_until=Now(), progress=7, state="processing")
    Asset.objects.update(filename="other.mp4", lease_until=Now())
    assert ear.heard() == []
    Variant.objects.filter(pk=variant.pk).update(progress=8)
    assert ear.heard() == [str(variant.asset_id)]


def test_it_is_told_once_a_transaction_and_never_of_what_is_rolled_back(ear: Ear):
    asset = asset_in("processing")
    for name in ("a", "b", "c"):
        variant_in("processing", asset=asset, name=name)
    ear.heard()

    with transaction.atomic():
        for percent in range(1, 9):
            Variant.objects.filter(asset=asset).update(progress=percent)
        assert ear.heard() == []
    assert ear.heard() == [str(asset.pk)]

    with transaction.atomic():
        Variant.objects.filter(asset=asset).update(progress=99)
        transaction.set_rollback(True)
    assert ear.heard() == []


def test_the_doctor_says_when_nothing_is_told_any_more():
    assert missing_triggers(TELLING) == []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rindle_variant DISABLE TRIGGER rindle_variant_told")
    try:
        (said,) = said_by("database.guard")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE rindle_variant ENABLE TRIGGER rindle_variant_told")
    assert said.status == "warn"
    assert "rindle_variant_told" in said.finding
    assert "rindle.0003_progress" in said.fix
