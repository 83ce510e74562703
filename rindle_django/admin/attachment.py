"""Attachments: which owner has which asset, and where."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from rindle_django.admin.base import ReadOnlyAdmin
from rindle_django.admin.filters import AssetProfileFilter, WhenFilter
from rindle_django.admin.marks import thumbnail
from rindle_django.admin.story import owner_link, owners_of
from rindle_django.admin.visit import link_to
from rindle_django.models import Attachment, Variant


class AttachmentAdmin(ReadOnlyAdmin[Attachment]):
    list_display = ("picture", "owner_name", "slot", "position", "asset_link", "created_at")
    list_display_links = ("owner_name",)
    list_filter = (AssetProfileFilter, WhenFilter)
    search_fields = ("=id", "=asset__id", "=owner_id")
    search_help_text = _("Exact id of an attachment, of its asset or of its owner")
    ordering = ("-created_at",)
    fields = ("owner_page", "slot", "position", "asset_link", "picture", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attachment]:
        variants = Variant.objects.select_related("object").order_by("name")
        return (
            super()
            .get_queryset(request)
            .select_related("asset__original", "owner_type")
            .prefetch_related(Prefetch("asset__variants", queryset=variants))
        )

    @admin.display(description=_("picture"))
    def picture(self, attachment: Attachment) -> SafeString | str:
        return thumbnail(attachment.asset)

    @admin.display(description=_("owner"))
    def owner_name(self, attachment: Attachment) -> str:
        return f"{attachment.owner_type.model} {attachment.owner_id}"

    @admin.display(description=_("owner"))
    def owner_page(self, attachment: Attachment) -> str:
        return owner_link(attachment, owners_of([attachment]).get(attachment.pk))

    @admin.display(description=_("asset"))
    def asset_link(self, attachment: Attachment) -> SafeString:
        return link_to(attachment.asset, attachment.asset.filename or attachment.asset_id)
