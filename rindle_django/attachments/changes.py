"""Attach, replace, detach, reorder. Rows change and purges are queued in one transaction.

Every path locks the asset rows first, in order of id, so that attach and purge, or two erasures of
co-owners, cannot both believe they decide (U15, U17, W1.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import models, router, transaction
from django.db.models.functions import Now

from rindle_django.actors import actor_id
from rindle_django.attachments.owners import (
    SlotRule,
    declares_slots,
    forget,
    key_of,
    rule_of,
    slot_rows,
    type_of,
)
from rindle_django.conf import database
from rindle_django.errors import RequestRefused
from rindle_django.models import Asset, Attachment, Key
from rindle_django.purge import request_purge
from rindle_django.states import ATTACHABLE_ASSET_STATES

REORDER_OFFSET = 1_000_000
SINGLE = SlotRule(name="", profile="", many=False, limit=1)


def attach(owner: models.Model, slot: str, asset: Asset | Key, *, actor: Any = None) -> Attachment:
    """Put ``asset`` (or the one with that id) into ``owner``'s slot.

    A single slot's former asset is replaced and, unless attached elsewhere, purged. A slot for
    several appends. Attaching what is there already changes nothing. With ``actor``, only an asset
    that this actor uploaded is found. Raises RequestRefused: "asset_not_found",
    "asset_not_attachable", "unknown_slot", "slot_profile_mismatch", "slot_full", "owner_unsaved".
    """
    rule = _rule(owner, slot)
    asset_id = _key_of_asset(asset)
    with transaction.atomic(using=database()):
        if not _lock_owner(owner):
            # Deleted while we waited: nobody would ever detach what we attach now.
            raise RequestRefused("owner_unsaved")
        present = list(slot_rows(owner, slot))
        locked = lock_assets([asset_id, *(row.asset_id for row in present)])
        chosen = _eligible(locked.get(str(asset_id)), slot, rule, actor)
        for row in present:
            if row.asset_id == chosen.pk:
                return row
        if not rule.many:
            _remove(present, locked)
            present = []
        return _add(owner, slot, rule, chosen, present)


def detach(owner: models.Model, slot: str, asset: Asset | Key | None = None) -> int:
    """Empty ``owner``'s slot, or take one asset out of it; returns how many were detached.

    The purge of what nothing else is attached to is queued in the same transaction. Detaching
    twice is the same as once.
    """
    rows = slot_rows(owner, slot)
    if asset is not None:
        rows = rows.filter(asset_id=_key_of_asset(asset))
    return _detach_rows(owner, rows)


def detach_owner(owner: models.Model, key: str | None = None) -> int:
    """Empty all slots of an owner, as its deletion does. ``key`` is its former primary key."""
    rows = Attachment.objects.filter(
        owner_type=type_of(owner), owner_id=key if key is not None else key_of(owner)
    )
    return _detach_rows(owner, rows)


def reorder(owner: models.Model, slot: str, assets: Sequence[Asset | Key]) -> None:
    """Put a slot's assets into the given order. Raises RequestRefused("asset_not_found") if they
    are not exactly the ones in the slot."""
    wanted = [str(_key_of_asset(asset)) for asset in assets]
    with transaction.atomic(using=database()):
        _lock_owner(owner)
        present = {str(row.asset_id): row for row in slot_rows(owner, slot)}
        if sorted(wanted) != sorted(present):
            raise RequestRefused("asset_not_found")
        # Two steps, because positions are unique at every statement.
        slot_rows(owner, slot).update(position=models.F("position") + REORDER_OFFSET)
        for position, asset_id in enumerate(wanted):
            Attachment.objects.filter(pk=present[asset_id].pk).update(position=position)


def _detach_rows(owner: models.Model, rows: models.QuerySet[Attachment]) -> int:
    with transaction.atomic(using=database()):
        _lock_owner(owner)
        # Read after the lock: two who detach the same slot must not both see it filled.
        present = list(rows)
        _remove(present, lock_assets([row.asset_id for row in present]))
    return len(present)


def _rule(owner: models.Model, slot: str) -> SlotRule:
    """What the owner's class says of the slot. A class that declares none may use any name."""
    rule = rule_of(owner, slot)
    if rule is None and declares_slots(owner):
        raise RequestRefused("unknown_slot", owner=type(owner).__name__, slot=slot)
    return rule or SINGLE


def _key_of_asset(asset: Asset | Key) -> Key:
    return asset.pk if isinstance(asset, Asset) else asset


def _lock_owner(owner: models.Model) -> bool:
    """Serialise changes of one owner's slots, where the owner's row is in our database.

    False if the row is not there any more.
    """
    forget(owner)
    return owner.pk is None or lock_owner_row(type(owner), owner.pk)


def lock_owner_row(model: type[models.Model], key: Any) -> bool:
    """Lock an owner's row, if it is in our database; False if it is not there any more."""
    if router.db_for_write(model) != database():
        return True
    rows = model._base_manager.using(database()).filter(pk=key)
    return bool(rows.select_for_update(of=("self",)).values_list("pk"))


def lock_assets(ids: Iterable[Key]) -> dict[str, Asset]:
    """Lock assets in order of their ids, after the owner's row; by their ids as text."""
    rows = Asset.objects.select_for_update().filter(pk__in=list(ids)).order_by("pk")
    return {str(asset.pk): asset for asset in rows}


def _eligible(asset: Asset | None, slot: str, rule: SlotRule, actor: Any) -> Asset:
    if asset is None or (actor is not None and asset.actor != actor_id(actor)):
        raise RequestRefused("asset_not_found")
    if asset.state not in ATTACHABLE_ASSET_STATES:
        raise RequestRefused("asset_not_attachable", state=asset.state)
    if rule.profile and asset.profile != rule.profile:
        raise RequestRefused(
            "slot_profile_mismatch", slot=slot, expected=rule.profile, received=asset.profile
        )
    return asset


def _add(
    owner: models.Model, slot: str, rule: SlotRule, asset: Asset, present: list[Attachment]
) -> Attachment:
    if rule.many and rule.limit is not None and len(present) >= rule.limit:
        raise RequestRefused("slot_full", slot=slot, limit=rule.limit)
    Asset.objects.filter(pk=asset.pk).update(purge_requested_at=None, updated_at=Now())
    return Attachment.objects.create(
        asset=asset,
        owner_type=type_of(owner),
        owner_id=key_of(owner),
        slot=slot,
        position=present[-1].position + 1 if present else 0,
    )


def _remove(rows: list[Attachment], locked: dict[str, Asset]) -> None:
    Attachment.objects.filter(pk__in=[row.pk for row in rows]).delete()
    still_attached = set(
        Attachment.objects.filter(asset__in=locked.values()).values_list("asset_id", flat=True)
    )
    for row in rows:
        if row.asset_id not in still_attached:
            request_purge(locked[str(row.asset_id)])
