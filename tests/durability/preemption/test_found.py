"""What the schedules found in the library, each reduced to a few lines."""

from __future__ import annotations

import pytest

from rindle_django import abort_upload
from rindle_django.models import Asset
from rindle_django.operations.cleanup import cleanup_orphans
from rindle_django.purge import purge
from tests.kit import JPEG, promise, settle, stage
from tests.storms import Sky, sky

__all__ = ["sky"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_orphan_that_is_purged_while_cleanup_walks_is_no_error(sky: Sky):
    """It was counted as one of the storage, logged with a traceback, and the task tried again."""
    for ticket in (promise(), promise()):
        stage(ticket.asset_id, JPEG)
        abort_upload(ticket.ticket)
        settle(ticket.asset_id)
    _, second = Asset.objects.order_by("pk")

    def a_purge_comes_first() -> None:
        sky.clear_up()
        assert purge(second.pk).dropped

    sky.before("delete", a_purge_comes_first)
    report = cleanup_orphans(dry_run=False)
    assert not Asset.objects.exists()
    report.raise_if_incomplete()
    assert (report.assets_found, report.storage_errors) == (2, 0)
