"""What people had done that is no transition: repairs of assets, erasures of owners."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from rindle_django.admin.base import ReadOnlyAdmin
from rindle_django.admin.marks import NOTHING, link_to_asset
from rindle_django.models import Erasure, Repair
from rindle_django.operations.explain.words import cause


class RepairAdmin(ReadOnlyAdmin[Repair]):
    list_display = ("at", "operation", "result", "because", "asset_link")
    search_fields = ("=asset_id",)
    search_help_text = _("Exact id of an asset")
    ordering = ("-at",)

    @admin.display(description=_("because of"))
    def because(self, row: Any) -> str:
        return cause(row.cause) or NOTHING

    @admin.display(description=_("asset"))
    def asset_link(self, repair: Repair) -> SafeString:
        return link_to_asset(repair.asset_id)


class ErasureAdmin(ReadOnlyAdmin[Erasure]):
    list_display = ("at", "owner", "attachments", "retained", "because")
    search_fields = ("=owner",)
    search_help_text = _("Exact name of an owner, such as auth.user:1")
    ordering = ("-id",)

    @admin.display(description=_("because of"))
    def because(self, row: Any) -> str:
        return cause(row.cause) or NOTHING
