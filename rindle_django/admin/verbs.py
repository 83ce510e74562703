"""What an operator can do to one asset: a table of verbs, each with its permission and its words.

The verbs themselves are the library's; pages only ask them, dry first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import locked
from rindle_django.models import Asset, Key, StoredObject, Variant
from rindle_django.operations.repair import (
    RepairReport,
    cancel,
    reprobe,
    requeue,
    unquarantine,
)
from rindle_django.operations.repair.regenerate import regenerate
from rindle_django.purge import discard
from rindle_django.states import (
    ACTIVE_VARIANT_STATES,
    REQUEUEABLE_VARIANT_STATES,
    VERIFIED_ASSET_STATES,
)

Text = str | Promise


@dataclass(frozen=True)
class Verb:
    """``offered`` says whether the verb makes sense for an asset with these variants; whether it
    is possible, the verb itself decides when it is called."""

    name: str
    label: Text
    permission: str
    says: Text
    offered: Callable[[Asset, Sequence[Variant]], bool]
    call: Callable[..., RepairReport]  # with the asset's id and ``dry_run``
    destroys: bool = False


def _any_in(states: frozenset[str]) -> Callable[[Asset, Sequence[Variant]], bool]:
    def offered(asset: Asset, variants: Sequence[Variant]) -> bool:
        return asset.state in VERIFIED_ASSET_STATES and any(v.state in states for v in variants)

    return offered


def _in(*states: str) -> Callable[[Asset, Sequence[Variant]], bool]:
    return lambda asset, _: asset.state in states


def _discard(asset_id: Key, *, dry_run: bool = False) -> RepairReport:
    with locked(asset_id) as asset:
        if asset.state == "deleted" or asset.attachments.exists():
            raise RequestRefused("asset_not_discardable")
        held = StoredObject.objects.filter(asset_id=asset_id).exclude(state="gone")
        changes = {"state": {"from": asset.state, "to": "deleted"}} | {
            f"{each.purpose} {each.key}": {"from": each.state, "to": "gone"} for each in held
        }
        if not dry_run:
            discard(asset_id)
    return RepairReport("discard", str(asset_id), dry_run, "changed", changes=changes)


VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "requeue",
            _("Requeue"),
            "rindle.requeue_variant",
            _("Variants that failed, were cancelled, are stale or are missing are made again."),
            _any_in(REQUEUEABLE_VARIANT_STATES),
            requeue,
        ),
        Verb(
            "cancel",
            _("Cancel processing"),
            "rindle.cancel_processing",
            _("Waiting and running work on the variants is stopped. Requeue takes it back."),
            _any_in(ACTIVE_VARIANT_STATES),
            cancel,
        ),
        Verb(
            "regenerate",
            _("Regenerate"),
            "rindle.regenerate_variant",
            _("All variants are made again; those that there are, are served until then."),
            lambda asset, variants: asset.state in VERIFIED_ASSET_STATES and bool(variants),
            regenerate,
        ),
        Verb(
            "reprobe",
            _("Reprobe"),
            "rindle.reprobe_asset",
            _("The original is read again: type, dimensions and frames are set to what it says."),
            _in(*VERIFIED_ASSET_STATES),
            reprobe,
        ),
        Verb(
            "unquarantine",
            _("Unquarantine"),
            "rindle.unquarantine_asset",
            _("The asset is checked again from the start. What still breaks a rule is refused."),
            _in("quarantined"),
            unquarantine,
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
