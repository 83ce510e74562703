"""Unquarantine: the one way out of quarantine. The asset is looked at again, from the start."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import F

from rindle_django import claims, jobs
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import locked, transition
from rindle_django.models import Asset, Key, StoredObject, UploadSession, Variant
from rindle_django.operations.repair.report import RepairReport, differences, note, repair
from rindle_django.processing.publish import cancel_all
from rindle_django.promotion.promote import source_of
from rindle_django.states import ACTIVE_VARIANT_STATES
from rindle_django.storage import adapter_for


def unquarantine(asset_id: Key, *, dry_run: bool = False) -> RepairReport:
    """Have a quarantined asset promoted again, from its staged or its frozen bytes.

    Nothing is waived: promotion applies every check of the profile as it is now, and quarantines
    again what still breaks it. Asking twice is the same as once. Raises RequestRefused:
    "asset_not_found", "asset_not_quarantined", "bytes_gone"; TransientFailure if the storage does
    not answer. Not inside a transaction: it asks the storage.
    """
    return repair("unquarantine", asset_id, dry_run=dry_run, work=_unquarantine)


def _unquarantine(identity: UUID, dry_run: bool) -> RepairReport:
    asset = Asset.objects.filter(pk=identity).first()
    if asset is None:
        raise RequestRefused("asset_not_found")
    source = _source(asset)
    if adapter_for(source.storage).stat(source.key) is None:
        raise RequestRefused("bytes_gone")
    with locked(identity) as current:
        _source(current)  # purged meanwhile?
        report = _report(current, dry_run)
        if not dry_run:
            _send_back(current)
        note(report)
    return report


def _source(asset: Asset) -> StoredObject:
    if asset.state != "quarantined":
        raise RequestRefused("asset_not_quarantined", state=asset.state)
    sessions = UploadSession.objects.select_related("staging")
    session = sessions.filter(asset=asset, state="completed").first()
    source = source_of(asset, session) if session is not None else None
    if source is None or source.state != "present":
        raise RequestRefused("bytes_gone")
    return source


def _send_back(asset: Asset) -> None:
    cancel_all(asset)  # what was due when it was quarantined; promotion asks for it again
    transition(
        asset,
        "validating",
        only_from={"quarantined"},
        reason_code="",
        reason="",
        attempts=0,
        fence=F("fence") + 1,  # the worker that quarantined it has had its say
        **claims.due_in(0),
    )
    jobs.enqueue(jobs.PROMOTE, asset_id=str(asset.pk))


def _report(asset: Asset, dry_run: bool) -> RepairReport:
    waiting = Variant.objects.filter(asset=asset, state__in=ACTIVE_VARIANT_STATES)
    states = {each.name: each.state for each in waiting.order_by("name")}
    before: dict[str, Any] = {"state": asset.state, "reason_code": asset.reason_code}
    after: dict[str, Any] = {"state": "validating", "reason_code": ""}
    before |= {f"variant {name}": state for name, state in states.items()}
    after |= {f"variant {name}": "cancelled" for name in states}
    return RepairReport(
        operation="unquarantine",
        asset_id=str(asset.pk),
        dry_run=dry_run,
        result="changed",
        variants=list(states),
        changes=differences(before, after),
    )
