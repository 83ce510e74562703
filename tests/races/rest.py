"""How a race ends: what time, workers and the reconciler do when nobody disturbs them."""

from __future__ import annotations

from rindle_django.models import StoredObject
from rindle_django.operations.reconcile import reconcile
from rindle_django.testing import drain_jobs
from tests.jobs.queue import grace_passes
from tests.kit import settle


def come_to_rest() -> None:
    for _ in range(2):
        for asset_id in set(StoredObject.objects.values_list("asset_id", flat=True)):
            settle(asset_id)
        grace_passes()
        reconcile()
        drain_jobs(early=True)
