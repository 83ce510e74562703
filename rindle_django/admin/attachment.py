"""Attachments: which owner has which asset, and where."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from rindle_django.admin import erasure
from rindle_django.admin.base import ReadOnlyAdmin
from rindle_django.admin.filters import AssetProfileFilter, WhenFilter
from rindle_django.admin.marks import thumbnail
from rindle_django.admin.story import owner_link, owners_of
from rindle_django.admin.visit import address, link_to
from rindle_django.models import Attachment, Variant


class AttachmentAdmin(ReadOnlyAdmin[Attachment]):
    change_form_template = "rindle/admin/attachment.html"
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

    def get_urls(self) -> list[URLPattern]:
        guarded: Any = self.admin_site.admin_view
        view = guarded(self.erase_view)
        ours = path("<uuid:pk>/erase-owner/", view, name="rindle_attachment_erase_owner")
        return [ours, *super().get_urls()]

    @method_decorator(transaction.non_atomic_requests)  # each step is a transaction of its own
    def erase_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        attachment = get_object_or_404(self.get_queryset(request), pk=pk)
        return erasure.erase(request, self, attachment)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if erasure.may_erase(request):
            context["erase"] = address(Attachment, "erase_owner", context["original"].pk)
        return super().render_change_form(request, context, *args, **kwargs)

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
