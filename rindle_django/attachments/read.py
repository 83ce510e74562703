"""Reading what is attached, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from django.db.models import Model, Prefetch, QuerySet, prefetch_related_objects

from rindle_django.attachments.owners import key_of, slot_rows, type_of
from rindle_django.models import Asset, Attachment, Variant

M = TypeVar("M", bound=Model)


def with_media(attachments: QuerySet[Attachment]) -> QuerySet[Attachment]:
    """Bring along the asset, its original, its variants and their objects: one query more."""
    return attachments.select_related("asset__original").prefetch_related(
        _variants("asset__variants")
    )


def attached(owner: Model, slot: str) -> Attachment | None:
    """The attachment in ``owner``'s slot (the first one where it holds several)."""
    return with_media(slot_rows(owner, slot)).first()


def attachments_of(owner: Model, slot: str | None = None) -> QuerySet[Attachment]:
    """All attachments of ``owner``, or of one slot, in order."""
    rows = Attachment.objects.filter(owner_type=type_of(owner), owner_id=key_of(owner))
    if slot is not None:
        rows = rows.filter(slot=slot)
    return with_media(rows.order_by("slot", "position"))


def for_page(rows: Iterable[M], *slots: str) -> list[M]:
    """``rows`` with all that a page shows of their media, so that its tags ask for nothing.

    Assets or attachments cost one query on top of their own; owners, of which ``slots`` are shown,
    two for each slot. What was fetched before is not fetched again.
    """
    if isinstance(rows, QuerySet):
        rows = _joined(rows)
    found = list(rows)
    for model in {type(row) for row in found}:
        of_model = [row for row in found if type(row) is model]
        prefetch_related_objects(of_model, *_media_of(model, slots))
    return found


def _joined(rows: QuerySet[M]) -> QuerySet[M]:
    """With the originals in the same query, where there are foreign keys to follow."""
    if issubclass(rows.model, Asset):
        return rows.select_related("original")
    return rows.select_related("asset__original") if issubclass(rows.model, Attachment) else rows


def _media_of(model: type[Model], slots: Iterable[str]) -> list[str | Prefetch[str]]:
    if issubclass(model, Asset):
        return ["original", _variants("variants")]
    if issubclass(model, Attachment):
        return ["asset__original", _variants("asset__variants")]
    return list(slots)


def _variants(path: str) -> Prefetch[str]:
    return Prefetch(path, queryset=Variant.objects.select_related("object").order_by("name"))
