"""Regenerating one asset's variants: those that are fine are made again, too."""

from __future__ import annotations

from uuid import UUID

from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import locked
from rindle_django.models import PROCESS_TRIES, Asset, Key, Variant
from rindle_django.operations.repair.report import RepairReport, differences, note, repair
from rindle_django.processing.aggregate import settle_asset
from rindle_django.processing.plan import queue
from rindle_django.profiles import profile_of_row
from rindle_django.states import VARIANT, VERIFIED_ASSET_STATES


def regenerate(asset_id: Key, *, dry_run: bool = False) -> RepairReport:
    """Have every variant of an asset that is at rest made again, by its recipe as it is now.

    What there is goes on being served until the new output is there. Variants that no recipe
    declares any more are left alone. Raises RequestRefused: "asset_not_found", "not_deliverable".
    """
    return repair("regenerate", asset_id, dry_run=dry_run, work=_regenerate)


def _regenerate(identity: UUID, dry_run: bool) -> RepairReport:
    with locked(identity) as asset:
        if asset.state not in VERIFIED_ASSET_STATES:
            raise RequestRefused("not_deliverable", state=asset.state)
        chosen = _chosen(asset)
        before = {f"variant {each.name}": each.state for each in chosen}
        report = RepairReport(
            operation="regenerate",
            asset_id=str(asset.pk),
            dry_run=dry_run,
            result="changed" if chosen else "unchanged",
            variants=[each.name for each in chosen],
            changes=differences(before, dict.fromkeys(before, "queued")),
        )
        if not dry_run:
            _queue(asset, chosen)
        note(report)
        return report


def _chosen(asset: Asset) -> list[Variant]:
    declared = profile_of_row(asset.profile).variants
    at_rest = VARIANT.sources_of("queued") - {"planned", "processing"}
    rows = Variant.objects.filter(asset=asset, state__in=at_rest, name__in=declared)
    chosen = list(rows.order_by("name"))
    for each in chosen:
        each.asset = asset
    return chosen


def _queue(asset: Asset, chosen: list[Variant]) -> None:
    declared = profile_of_row(asset.profile).variants
    for each in chosen:
        queue(
            [each],
            recipe_digest=declared[each.name].digest(),
            attempts=0,
            max_attempts=PROCESS_TRIES,
            reason_code="",
            reason="",
        )
    settle_asset(asset)
