"""Owners with media, and what is counted of them."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from rindle_django import attach
from rindle_django.models import Asset
from rindle_django.operations.erasure import ErasureReport
from tests.kit import ready

COUNTED = ("attachments_to_detach", "assets_to_purge", "retained_shared_assets")


def owner_with(model: type[Model], *assets: Asset, key: Any = None) -> Any:
    """A new owner with each asset in a slot of its own."""
    owner = model._default_manager.create(**({} if key is None else {"pk": key}))
    names = [name for name in ("cover", "banner", "avatar", "icon") if hasattr(model, name)]
    for slot, asset in zip(names, assets, strict=False):
        attach(owner, slot, asset)
    return owner


def photo(**options: Any) -> Asset:
    return ready(**options)


def counts(report: Any) -> tuple[int, int, int]:
    """How many are detached, purged, retained."""
    detached, purged, retained = (getattr(report, name).count for name in COUNTED)
    return detached, purged, retained


def entries(report: ErasureReport) -> dict[str, list[Any]]:
    """What is told of each bucket, in an order of its own."""
    return {name: sorted(getattr(report, name).entries, key=repr) for name in COUNTED}
