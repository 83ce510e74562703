"""Owners: how a model instance of any primary key is written down, and what slots it declares."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet

from rindle_django.conf import database
from rindle_django.errors import RequestRefused
from rindle_django.models import Attachment


@dataclass(frozen=True)
class SlotRule:
    """What a declared slot takes: assets of ``profile``, at most ``limit`` of them (None: any)."""

    name: str
    profile: str
    many: bool
    limit: int | None


_declared: dict[tuple[type[Model], str], SlotRule] = {}


def declare(owner: type[Model], rule: SlotRule) -> None:
    _declared[owner, rule.name] = rule


def rule_of(owner: Model, slot: str) -> SlotRule | None:
    """The rule that the owner's class, or one it inherits from, declares for ``slot``."""
    for cls in type(owner).__mro__:
        if (rule := _declared.get((cls, slot))) is not None:
            return rule
    return None


def declares_slots(owner: Model) -> bool:
    return any(declaring in type(owner).__mro__ for declaring, _ in _declared)


def declared_slots() -> dict[tuple[type[Model], str], SlotRule]:
    return dict(_declared)


def forget(owner: Model) -> None:
    """Drop what an instance has cached of its slots, because they change."""
    names = {name for cls, name in _declared if isinstance(owner, cls)}
    for cache in (owner._state.fields_cache, getattr(owner, "_prefetched_objects_cache", {})):
        for name in names:
            cache.pop(name, None)


def type_of(owner: Model | type[Model]) -> ContentType:
    return ContentType.objects.db_manager(database()).get_for_model(owner)


def key_of(owner: Model) -> str:
    """The owner's primary key as text. Raises RequestRefused("owner_unsaved")."""
    if owner.pk is None or owner._state.adding:
        raise RequestRefused("owner_unsaved")
    return str(owner.pk)


def slot_rows(owner: Model, slot: str) -> QuerySet[Attachment]:
    return Attachment.objects.filter(
        owner_type=type_of(owner), owner_id=key_of(owner), slot=slot
    ).order_by("position")
