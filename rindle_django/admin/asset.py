"""Assets: where each one is, its variants, and what became of it."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from rindle_django.admin.base import (
    ProfileFilter,
    ReadOnlyAdmin,
    StateFilter,
    link_to,
    original_link,
    thumbnail,
)
from rindle_django.models import Asset, Transition, Variant


class AssetAdmin(ReadOnlyAdmin[Asset]):
    list_display = ("picture", "filename", "profile", "badge", "reason_code", "created_at")
    list_display_links = ("filename",)
    list_filter = (StateFilter, ProfileFilter)
    search_fields = ("=id", "=actor")
    search_help_text = _("Exact id of an asset, or actor such as auth.user:1")
    ordering = ("-created_at",)
    fields = (
        "picture",
        "original_file",
        "profile",
        "state",
        "reason_code",
        "reason",
        "actor",
        "storage",
        "content_type",
        "byte_size",
        "sha256",
        "dimensions",
        "variant_list",
        "history",
        "created_at",
        "updated_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        variants = Variant.objects.select_related("object").order_by("name")
        return (
            super()
            .get_queryset(request)
            .select_related("original")
            .prefetch_related(Prefetch("variants", queryset=variants))
        )

    @admin.display(description=_("picture"))
    def picture(self, asset: Asset) -> SafeString | str:
        return thumbnail(asset)

    @admin.display(description=_("original"))
    def original_file(self, asset: Asset) -> SafeString | str:
        return original_link(asset)

    @admin.display(description=_("dimensions"))
    def dimensions(self, asset: Asset) -> str:
        return f"{asset.width} × {asset.height}" if asset.width else "–"

    @admin.display(description=_("variants"))
    def variant_list(self, asset: Asset) -> SafeString | str:
        rows = [
            (link_to(each, each.name), each.state, each.reason_code)
            for each in asset.variants.all()
        ]
        return format_html_join("", "<div>{}: {} {}</div>", rows) or "–"

    @admin.display(description=_("history"))
    def history(self, asset: Asset) -> SafeString | str:
        entries = Transition.objects.filter(asset_id=asset.pk).order_by("id")[:200]
        rows = [
            (each.at, each.subject, each.from_state or "·", each.to_state, each.reason_code)
            for each in entries
        ]
        return format_html_join("", "<div>{} {}: {} → {} {}</div>", rows) or "–"
