"""The ledger of stored objects, with the receipts of those that are gone."""

from __future__ import annotations

from rindle_django.admin.base import ReadOnlyAdmin, StateFilter
from rindle_django.models import StoredObject


class StoredObjectAdmin(ReadOnlyAdmin[StoredObject]):
    list_display = ("purpose", "badge", "storage", "byte_size", "asset_id", "gone_at", "created_at")
    list_filter = (StateFilter,)
    search_fields = ("=id", "=asset__id")
    ordering = ("-created_at",)
    fields = (
        "asset_id",
        "purpose",
        "state",
        "storage",
        "key",
        "content_type",
        "byte_size",
        "settles_at",
        "attempts",
        "reason_code",
        "gone_at",
        "created_at",
        "updated_at",
    )
