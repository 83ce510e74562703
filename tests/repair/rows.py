"""What a repair leaves in the database, and what a dry one must not."""

from __future__ import annotations

from typing import Any

from rindle_django.models import Asset, Repair, StoredObject, Transition, UploadSession, Variant
from rindle_django.testing import drain_jobs
from tests.kit import arrive, fresh, queued_jobs

TABLES: tuple[Any, ...] = (Asset, Variant, UploadSession, StoredObject, Transition, Repair)


def everything() -> list[Any]:
    """All rows and all jobs."""
    rows = [list(model.objects.order_by("pk").values()) for model in TABLES]
    return [*rows, queued_jobs()]


def quarantined(content: bytes = b"\xff\xd8 no picture at all", **options: Any) -> Asset:
    asset = arrive(content, **options)
    drain_jobs()
    assert fresh(asset).state == "quarantined"
    return fresh(asset)
