"""Reading what is attached, in a constant number of queries."""

from __future__ import annotations

from django.db.models import Model, Prefetch, QuerySet

from rindle_django.attachments.owners import key_of, slot_rows, type_of
from rindle_django.models import Attachment, Variant


def with_media(attachments: QuerySet[Attachment]) -> QuerySet[Attachment]:
    """Bring along the asset, its original, its variants and their objects: one query more."""
    variants = Variant.objects.select_related("object").order_by("name")
    return attachments.select_related("asset__original").prefetch_related(
        Prefetch("asset__variants", queryset=variants)
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
