"""What an operator can do to one asset: a table of verbs, each with its permission and its words.

The verbs themselves are the library's; pages only ask them, dry first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import locked
from rindle_django.models import Asset, Key, StoredObject, Variant
from rindle_django.processing import cancel_processing, requeue_variants
from rindle_django.purge import discard
from rindle_django.states import (
    ACTIVE_VARIANT_STATES,
    REQUEUEABLE_VARIANT_STATES,
    VERIFIED_ASSET_STATES,
)

Text = str | Promise


@dataclass(frozen=True)
class Change:
    """What a verb changed; of a dry run, what it would change."""

    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    finding: str = ""


@dataclass(frozen=True)
class Verb:
    """``offered`` says whether the verb makes sense for an asset with these variants; whether it
    is possible, the verb itself decides when it is called."""

    name: str
    label: Text
    permission: str
    says: Text
    offered: Callable[[Asset, Sequence[Variant]], bool]
    call: Callable[[Key, bool], Change]
    destroys: bool = False


def _any_in(states: frozenset[str]) -> Callable[[Asset, Sequence[Variant]], bool]:
    def offered(asset: Asset, variants: Sequence[Variant]) -> bool:
        return asset.state in VERIFIED_ASSET_STATES and any(v.state in states for v in variants)

    return offered


def _moves(
    asset_id: Key, states: frozenset[str], to: str, act: Callable[[Key], object], dry_run: bool
) -> Change:
    with locked(asset_id) as asset:
        moving = Variant.objects.filter(asset=asset, state__in=states).order_by("name")
        changes = {f"variant {v.name}": {"from": v.state, "to": to} for v in moving}
        if not dry_run:
            act(asset_id)
    return Change(changes)


def _requeue(asset_id: Key, dry_run: bool) -> Change:
    return _moves(asset_id, REQUEUEABLE_VARIANT_STATES, "queued", requeue_variants, dry_run)


def _cancel(asset_id: Key, dry_run: bool) -> Change:
    return _moves(asset_id, ACTIVE_VARIANT_STATES, "cancelled", cancel_processing, dry_run)


def _discard(asset_id: Key, dry_run: bool) -> Change:
    with locked(asset_id) as asset:
        if asset.state == "deleted" or asset.attachments.exists():
            raise RequestRefused("asset_not_discardable")
        held = StoredObject.objects.filter(asset_id=asset_id).exclude(state="gone")
        changes = {"asset": {"from": asset.state, "to": "deleted"}} | {
            f"{each.purpose} {each.key}": {"from": each.state, "to": "gone"} for each in held
        }
        if not dry_run:
            discard(asset_id)
    return Change(changes)


VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "requeue",
            _("Requeue"),
            "rindle.requeue_variant",
            _("Variants that failed, were cancelled, are stale or are missing are made again."),
            _any_in(REQUEUEABLE_VARIANT_STATES),
            _requeue,
        ),
        Verb(
            "cancel",
            _("Cancel processing"),
            "rindle.cancel_processing",
            _("Waiting and running work on the variants is stopped. Requeue takes it back."),
            _any_in(ACTIVE_VARIANT_STATES),
            _cancel,
        ),
        Verb(
            "discard",
            _("Discard"),
            "rindle.discard_asset",
            _("The asset and every file of it are deleted for good. This cannot be undone."),
            lambda asset, _: asset.state != "deleted",
            _discard,
            destroys=True,
        ),
    )
}
