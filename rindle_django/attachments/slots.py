"""``MediaSlot`` and ``MediaSlots``: slots declared on a model, readable and prefetchable.

    class Article(models.Model):
        cover = MediaSlot("cover-image")
        photos = MediaSlots("photo", limit=20)

``article.cover`` is an ``Attachment`` or None, ``article.photos.all()`` a queryset; both work with
``prefetch_related``. Deleting the owner empties its slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, overload

from django.db.models import Model, QuerySet, signals

from rindle_django.attachments.changes import attach, detach, detach_owner, reorder
from rindle_django.attachments.owners import SlotRule, declare, slot_rows, type_of
from rindle_django.attachments.read import whole, with_media
from rindle_django.models import Asset, Attachment, Key
from rindle_django.profiles import Profile


class _Slot:
    many = False

    def __init__(self, profile: str | type[Profile], *, limit: int | None = None) -> None:
        self.profile = profile if isinstance(profile, str) else profile.name
        self.limit = limit
        self.name = ""

    def contribute_to_class(self, owner: type[Model], name: str) -> None:
        self.name = name
        setattr(owner, name, self)
        if owner._meta.abstract:
            signals.class_prepared.connect(self._adopt, weak=False)
            return
        self._declare(owner)

    def _adopt(self, sender: type[Model], **_: Any) -> None:
        """A concrete child of the abstract model that declared the slot has it too."""
        if getattr(sender, self.name, None) is self or self in vars(sender).values():
            self._declare(sender)

    def _declare(self, owner: type[Model]) -> None:
        rule = SlotRule(name=self.name, profile=self.profile, many=self.many, limit=self.limit)
        declare(owner, rule)
        signals.pre_delete.connect(_empty_slots, sender=owner, dispatch_uid=f"rindle:{owner!r}")

    # --- what prefetch_related asks of a descriptor --------------------------------------------

    def get_prefetch_querysets(
        self, instances: Sequence[Model], querysets: Sequence[QuerySet[Attachment]] | None = None
    ) -> tuple[Any, ...]:
        rows = querysets[0] if querysets else Attachment.objects.all()
        rows = rows.filter(
            owner_type=type_of(instances[0]),
            owner_id__in=[str(each.pk) for each in instances],
            slot=self.name,
        ).order_by("position")
        # A project's own queryset stays one, so that what it asks for besides is fetched.
        found = rows if querysets else whole(rows)
        return found, _owner_key, _own_key, not self.many, self.name, False

    def is_cached(self, instance: Model) -> bool:
        return self.name in instance._state.fields_cache


def _owner_key(row: Attachment) -> str:
    return row.owner_id


def _own_key(owner: Model) -> str:
    return str(owner.pk)


def _empty_slots(instance: Model, **_: Any) -> None:
    detach_owner(instance)


class MediaSlot(_Slot):
    """A slot for one asset of ``profile``."""

    @overload
    def __get__(self, owner: None, cls: type[Model]) -> Self: ...
    @overload
    def __get__(self, owner: Model, cls: type[Model]) -> Attachment | None: ...
    def __get__(self, owner: Model | None, cls: type[Model]) -> Self | Attachment | None:
        if owner is None:
            return self
        if not self.is_cached(owner):
            found = with_media(slot_rows(owner, self.name)).first() if owner.pk else None
            owner._state.fields_cache[self.name] = found
        cached: Attachment | None = owner._state.fields_cache[self.name]
        return cached

    def __set__(self, owner: Model, asset: Asset | None) -> None:
        raise AttributeError(
            f"Use rindle_django.attach(owner, {self.name!r}, asset) or detach(owner, "
            f"{self.name!r}): an assignment cannot say that it commits at once."
        )


class MediaSlots(_Slot):
    """An ordered slot for several assets of ``profile``, at most ``limit`` if given."""

    many = True

    @overload
    def __get__(self, owner: None, cls: type[Model]) -> Self: ...
    @overload
    def __get__(self, owner: Model, cls: type[Model]) -> SlotContents: ...
    def __get__(self, owner: Model | None, cls: type[Model]) -> Self | SlotContents:
        return self if owner is None else SlotContents(owner, self.name)

    def is_cached(self, instance: Model) -> bool:
        return self.name in getattr(instance, "_prefetched_objects_cache", {})


class SlotContents:
    """What is in a slot for several; behaves like a related manager."""

    def __init__(self, owner: Model, slot: str) -> None:
        self.owner = owner
        self.slot = slot

    def get_queryset(self) -> QuerySet[Attachment]:
        prefetched = getattr(self.owner, "_prefetched_objects_cache", {}).get(self.slot)
        if prefetched is not None:
            found: QuerySet[Attachment] = prefetched
            return found
        if self.owner.pk is None:
            return Attachment.objects.none()
        return with_media(slot_rows(self.owner, self.slot))

    def all(self) -> QuerySet[Attachment]:
        return self.get_queryset()

    def add(self, asset: Asset | Key, *, actor: Any = None) -> Attachment:
        return attach(self.owner, self.slot, asset, actor=actor)

    def remove(self, asset: Asset | Key | None = None) -> int:
        return detach(self.owner, self.slot, asset)

    def reorder(self, assets: Sequence[Asset | Key]) -> None:
        reorder(self.owner, self.slot, assets)
