"""Rows in any state, brought there along legal edges, without running the pipeline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from rindle_django import ledger
from rindle_django.models import Asset, Stateful, StoredObject, UploadSession, Variant
from rindle_django.states import MACHINES, Machine

TABLES = {
    "asset": "rindle_asset",
    "variant": "rindle_variant",
    "session": "rindle_uploadsession",
    "object": "rindle_storedobject",
}


def path_to(machine: Machine, target: str) -> list[str]:
    """The shortest way from the initial state to ``target``, without the former."""
    ways: dict[str, list[str]] = {machine.initial: []}
    frontier = [machine.initial]
    while frontier and target not in ways:
        state = frontier.pop(0)
        for following in sorted(machine.edges[state]):
            if following not in ways:
                ways[following] = [*ways[state], following]
                frontier.append(following)
    return ways[target]


def newborn(machine: str, **fields: Any) -> Stateful:
    """A row in its machine's initial state, with the rows that it needs."""
    if machine == "asset":
        return Asset.objects.create(
            **{"profile": "photo", "storage": "default", "max_attempts": 3} | fields
        )
    asset = fields.pop("asset", None) or newborn("asset")
    assert isinstance(asset, Asset)
    if machine == "object":
        return ledger.expect(asset, "variant", settles_in=0, **fields)
    if machine == "variant":
        terms = {"name": "thumb", "kind": "image", "recipe_digest": "d", "max_attempts": 5}
        return Variant.objects.create(asset=asset, **terms | fields)
    terms = {
        "profile": asset.profile,
        "content_type": "image/jpeg",
        "byte_size": 10,
        "expires_at": Now() + timedelta(hours=1),
    }
    staging = ledger.expect(asset, "staging", settles_in=0)
    return UploadSession.objects.create(asset=asset, staging=staging, **terms | fields)


def row_in(machine: str, state: str, **fields: Any) -> Stateful:
    """A row that was moved to ``state``, edge by edge, as the database demands."""
    row = newborn(machine, **fields)
    with transaction.atomic():
        for step in path_to(MACHINES[machine], state):
            changes: dict[str, Any] = {"state": step}
            if isinstance(row, Variant) and step == "ready":
                changes["object"] = newborn("object", asset=row.asset)
            type(row).objects.filter(pk=row.pk).update(**changes)
    row.refresh_from_db()
    return row


def asset_in(state: str, **fields: Any) -> Asset:
    row = row_in("asset", state, **fields)
    assert isinstance(row, Asset)
    return row


def variant_in(state: str, **fields: Any) -> Variant:
    row = row_in("variant", state, **fields)
    assert isinstance(row, Variant)
    return row


def session_in(state: str, **fields: Any) -> UploadSession:
    row = row_in("session", state, **fields)
    assert isinstance(row, UploadSession)
    return row


def object_in(state: str, **fields: Any) -> StoredObject:
    row = row_in("object", state, **fields)
    assert isinstance(row, StoredObject)
    return row
