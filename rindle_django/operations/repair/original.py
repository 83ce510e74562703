"""Reprobe: what is known of an asset's original, read anew from its bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from rindle_django.errors import ContentRefused, RequestRefused
from rindle_django.interruption import attentive
from rindle_django.lifecycle import locked
from rindle_django.models import Asset, Key, StoredObject
from rindle_django.operations.repair.report import RepairReport, differences, note, repair
from rindle_django.profiles import profile_of_row
from rindle_django.promotion.inspect import measure
from rindle_django.states import VERIFIED_ASSET_STATES
from rindle_django.storage import adapter_for
from rindle_django.workspace import workspace

Probed = dict[str, Any]


def reprobe(asset_id: Key, *, dry_run: bool = False) -> RepairReport:
    """Read an asset's original again and refresh its type, kind and all that was measured of it.

    Its bytes are held against the hash of when they were verified. If they are others, or gone,
    nothing is refreshed: the report's ``result`` is "source_altered" or "source_missing", and only
    its restoration helps. ``metadata`` is the project's own and kept as it is.

    Raises RequestRefused: "asset_not_found", "asset_not_verified", "asset_changed" (while it was
    read); ContentRefused if the file cannot be read any more; TransientFailure if the storage does
    not answer. Not inside a transaction: it reads from the storage.
    """
    return repair("reprobe", asset_id, dry_run=dry_run, work=_reprobe)


def _reprobe(identity: UUID, dry_run: bool) -> RepairReport:
    asset = Asset.objects.select_related("original").filter(pk=identity).first()
    if asset is None:
        raise RequestRefused("asset_not_found")
    original = _original(asset)
    finding, probed = None, None
    try:
        probed = _probe(asset, original)
    except ContentRefused as error:
        if error.code not in ("source_altered", "source_missing"):
            raise
        finding = error
    with locked(identity) as current:
        if _original(current) != original:
            raise RequestRefused("asset_changed")
        report = _report(current, probed, finding, dry_run)
        if report.changes and not dry_run:
            Asset.objects.filter(pk=identity).update(**(probed or {}), updated_at=Now())
        note(report)
    return report


def _original(asset: Asset) -> StoredObject:
    if asset.state not in VERIFIED_ASSET_STATES or asset.original is None:
        raise RequestRefused("asset_not_verified", state=asset.state)
    return asset.original


def _probe(asset: Asset, original: StoredObject) -> Probed:
    with workspace() as folder:
        path = folder / "original"
        _fetch(asset, original, path)
        mime, measured = measure(profile_of_row(asset.profile), path)
        return {"content_type": mime, **measured}


def _fetch(asset: Asset, original: StoredObject, path: Path) -> None:
    adapter, digest = adapter_for(original.storage), hashlib.sha256()
    try:
        adapter.download(
            original.key, path, on_chunk=attentive(digest.update), limit=asset.byte_size
        )
    except RequestRefused:
        raise ContentRefused("source_missing") from None
    except ContentRefused:  # more bytes than there were
        raise ContentRefused("source_altered") from None
    if digest.hexdigest() != asset.sha256:
        raise ContentRefused("source_altered")


def _report(
    asset: Asset, probed: Probed | None, finding: ContentRefused | None, dry_run: bool
) -> RepairReport:
    before = {name: getattr(asset, name) for name in probed or {}}
    changes = differences(before, probed or {})
    return RepairReport(
        operation="reprobe",
        asset_id=str(asset.pk),
        dry_run=dry_run,
        result=finding.code if finding else "changed" if changes else "unchanged",
        changes=changes,
        finding=str(finding) if finding else "",
    )
