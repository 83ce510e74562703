"""Assets: where each one is, its variants, and what became of it."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from rindle_django.admin.base import (
    ProfileFilter,
    ReadOnlyAdmin,
    StateFilter,
    badge,
    link_to,
    original_link,
    rows_of,
    thumbnail,
)
from rindle_django.models import Asset, Transition, Variant

HISTORY_SHOWN = 200


class AssetAdmin(ReadOnlyAdmin[Asset]):
    list_display = ("picture", "filename", "profile", "badge", "why", "created_at")
    list_display_links = ("filename",)
    list_filter = (StateFilter, ProfileFilter)
    search_fields = ("=id", "=actor")
    search_help_text = _("Exact id of an asset, or actor such as auth.user:1")
    ordering = ("-created_at",)
    fields = (
        "picture",
        "original_file",
        "profile",
        "badge",
        "why",
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
            (link_to(each, each.name), badge(each.state), each.reason_code)
            for each in asset.variants.all()
        ]
        return rows_of(rows, columns=3)

    @admin.display(description=_("history"))
    def history(self, asset: Asset) -> SafeString | str:
        entries = Transition.objects.filter(asset_id=asset.pk).order_by("id")[:HISTORY_SHOWN]
        return rows_of([_told(entry) for entry in entries], columns=4)


def _told(entry: Transition) -> tuple[object, ...]:
    moment = localtime(entry.at).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    subject = f"{entry.subject} {entry.metadata.get('variant_name', '')}".strip()
    step = f"{entry.from_state} → {entry.to_state}" if entry.from_state else entry.to_state
    return format_html("<time>{}</time>", moment), subject, step, entry.reason_code
