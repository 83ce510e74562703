"""The ledger of stored objects, with the receipts of those that are gone, and what scans of the
storages saw that the ledger does not say."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from rindle_django.admin.base import ReadOnlyAdmin
from rindle_django.admin.filters import FixedFilter, StateFilter, WhenFilter
from rindle_django.admin.marks import size
from rindle_django.models import Sighting, StorageScan, StoredObject
from rindle_django.operations.verify.findings import FINDINGS


class StoredObjectAdmin(ReadOnlyAdmin[StoredObject]):
    list_display = ("purpose", "badge", "storage", "bytes", "asset_id", "gone_at", "created_at")
    list_filter = (StateFilter, WhenFilter)
    search_fields = ("=id", "=asset__id")
    search_help_text = _("Exact id of an object or of its asset")
    ordering = ("-created_at",)
    fields = (
        "asset_id",
        "purpose",
        "part_of_id",
        "state",
        "storage",
        "key",
        "content_type",
        "byte_size",
        "settles_at",
        "attempts",
        "reason_code",
        "gone_at",
        "confirmation",
        "created_at",
        "updated_at",
    )

    @admin.display(description=_("size"))
    def bytes(self, stored: StoredObject) -> str:
        return size(stored.byte_size)


class FindingFilter(FixedFilter):
    title = _("finding")
    parameter_name = "finding"
    values = tuple(FINDINGS)


class SightingAdmin(ReadOnlyAdmin[Sighting]):
    list_display = ("finding", "storage", "key", "first_seen_at", "last_seen_at", "modified_at")
    list_filter = (FindingFilter,)
    search_fields = ("=key",)
    search_help_text = _("Exact key of an object")
    ordering = ("-id",)


class StorageScanAdmin(ReadOnlyAdmin[StorageScan]):
    list_display = ("storage", "run", "started_at", "finished_at")
    ordering = ("storage",)
