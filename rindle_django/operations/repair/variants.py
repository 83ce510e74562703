"""Requeueing and cancelling an asset's variants."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import locked
from rindle_django.models import PROCESS_TRIES, Asset, Key, Variant
from rindle_django.operations.repair.report import RepairReport, differences, note, repair
from rindle_django.processing import cancel_processing, requeue_variants
from rindle_django.processing.aggregate import implied_state
from rindle_django.processing.choice import choose
from rindle_django.states import (
    ACTIVE_VARIANT_STATES,
    REQUEUEABLE_VARIANT_STATES,
    VERIFIED_ASSET_STATES,
)


def requeue(
    asset_id: Key,
    names: Collection[str] | None = None,
    *,
    tries: int = PROCESS_TRIES,
    dry_run: bool = False,
) -> RepairReport:
    """``requeue_variants`` as a repair: failed, cancelled, stale and missing ones are queued again.

    ``names`` narrows to some, ``tries`` is the new budget. Raises what ``requeue_variants`` does.
    """

    def work(identity: UUID, dry_run: bool) -> RepairReport:
        with locked(identity) as asset:
            _refuse_unverified(asset)
            chosen = choose(
                asset, names, REQUEUEABLE_VARIANT_STATES, refusal="variant_not_requeueable"
            )
            report = _report("requeue", asset, chosen, "queued", dry_run)
            if not dry_run:
                requeue_variants(identity, report.variants, tries=tries)
            note(report)
            return report

    if tries < 1:
        raise RequestRefused("request_invalid", why="tries must be at least 1")
    return repair("requeue", asset_id, dry_run=dry_run, work=work)


def cancel(
    asset_id: Key, names: Collection[str] | None = None, *, dry_run: bool = False
) -> RepairReport:
    """``cancel_processing`` as a repair: planned, queued and running ones are stopped.

    ``names`` narrows to some. Raises what ``cancel_processing`` does.
    """

    def work(identity: UUID, dry_run: bool) -> RepairReport:
        with locked(identity) as asset:
            chosen = choose(asset, names, ACTIVE_VARIANT_STATES, refusal="variant_not_cancellable")
            report = _report("cancel", asset, chosen, "cancelled", dry_run)
            if not dry_run:
                cancel_processing(identity, report.variants)
            note(report)
            return report

    return repair("cancel", asset_id, dry_run=dry_run, work=work)


def _refuse_unverified(asset: Asset) -> None:
    if asset.state not in VERIFIED_ASSET_STATES:
        raise RequestRefused("not_deliverable", state=asset.state)


def _report(
    operation: str, asset: Asset, chosen: list[Variant], to: str, dry_run: bool
) -> RepairReport:
    before = {f"variant {each.name}": each.state for each in chosen}
    after = dict.fromkeys(before, to)
    changes = differences(
        {"state": asset.state, **before}, {"state": _state_after(asset, chosen, to), **after}
    )
    return RepairReport(
        operation=operation,
        asset_id=str(asset.pk),
        dry_run=dry_run,
        result="changed" if changes else "unchanged",
        variants=[each.name for each in chosen],
        changes=changes,
    )


def _state_after(asset: Asset, chosen: list[Variant], to: str) -> str:
    """The asset's state once ``chosen`` are ``to``."""
    if asset.state not in VERIFIED_ASSET_STATES:
        return asset.state
    rows = Variant.objects.filter(asset=asset).values_list("pk", "state", "kind")
    moved = {each.pk for each in chosen}
    return implied_state([(to if pk in moved else state, kind) for pk, state, kind in rows])
