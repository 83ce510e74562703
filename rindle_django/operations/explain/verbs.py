"""Which verbs are sensible next, by state and reason: a table, and how it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rindle_django.errors import CODES, Kind
from rindle_django.models import Asset, Variant
from rindle_django.operations.status.kinds import BROKEN_SOURCES
from rindle_django.states import PROMOTABLE_ASSET_STATES

RECONCILE = "rindle_reconcile"
DOCTOR = "rindle_doctor"
REPROBE = "rindle_repair reprobe {asset}"
REQUEUE = "rindle_repair requeue {asset} --variant {variant} --no-dry-run"
UNQUARANTINE = "rindle_repair unquarantine {asset} --no-dry-run"
ABORT = "rindle_abort_incomplete_uploads"
CLEANUP = "rindle_cleanup_orphans --no-dry-run"
RECEIPTS = "rindle_receipts --asset {asset}"

# By a variant's state. What is due or under way needs nothing but its time.
OF_VARIANTS = {
    "failed": (REQUEUE,),
    "cancelled": (REQUEUE,),
    "missing": (REQUEUE,),
    "stale": (REQUEUE,),
}
# By the reason a variant failed for: what has to be done before it is asked for again.
FIRST = {
    **dict.fromkeys(BROKEN_SOURCES, (REPROBE,)),
    "worker_lost": (DOCTOR,),
}


@dataclass(frozen=True)
class Situation:
    """What the verbs depend on. ``overdue`` is what should have been looked at by now."""

    asset: Asset
    variants: tuple[Variant, ...]
    overdue: bool
    upload_over: bool
    objects_kept: bool


def next_verbs(now: Situation) -> list[str]:
    """What an operator would do, in this order; nothing if time or a client has to do it."""
    verbs = [*_of_asset(now), *(verb for each in now.variants for verb in _of_variant(now, each))]
    return list(dict.fromkeys(verbs))


def _of_asset(now: Situation) -> Iterable[str]:
    asset = now.asset
    if now.overdue:
        yield RECONCILE
    if asset.state == "staged" and now.upload_over:
        yield from (ABORT, CLEANUP)
    if asset.state == "quarantined":
        yield from (UNQUARANTINE.format(asset=asset.pk), CLEANUP)
    if asset.state in PROMOTABLE_ASSET_STATES and asset.reason_code:
        yield DOCTOR  # what keeps it from being looked at is no verdict on the bytes
    if asset.state == "deleted" and now.objects_kept:
        yield DOCTOR


def _of_variant(now: Situation, variant: Variant) -> Iterable[str]:
    if now.asset.state in ("quarantined", "deleted"):
        return
    verbs = OF_VARIANTS.get(variant.state, ())
    if variant.state == "failed":
        verbs = (*_first(variant.reason_code), *verbs)
    for verb in verbs:
        yield verb.format(asset=variant.asset_id, variant=variant.name)


def _first(code: str) -> tuple[str, ...]:
    known = CODES.get(code)
    if known is not None and known.kind in (Kind.CONFIGURATION, Kind.TRANSIENT):
        return (DOCTOR,)
    return FIRST.get(code, ())
