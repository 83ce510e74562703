"""Upload sessions."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from rindle_django.admin.base import ReadOnlyAdmin
from rindle_django.admin.filters import ProfileFilter, StateFilter, WhenFilter
from rindle_django.admin.marks import size
from rindle_django.admin.visit import link_to
from rindle_django.models import UploadSession


class UploadSessionAdmin(ReadOnlyAdmin[UploadSession]):
    list_display = ("filename", "asset_link", "profile", "badge", "bytes", "expires_at")
    list_filter = (StateFilter, ProfileFilter, WhenFilter)
    search_fields = ("=id", "=asset__id")
    search_help_text = _("Exact id of an upload or of its asset")
    ordering = ("-created_at",)
    list_select_related = ("asset",)
    fields = (
        "asset_link",
        "profile",
        "badge",
        "why",
        "actor",
        "filename",
        "content_type",
        "byte_size",
        "expires_at",
        "verified_at",
        "created_at",
        "updated_at",
    )

    @admin.display(description=_("asset"))
    def asset_link(self, session: UploadSession) -> SafeString:
        return link_to(session.asset, session.asset_id)

    @admin.display(description=_("declared size"))
    def bytes(self, session: UploadSession) -> str:
        return size(session.byte_size)
