"""Variants, and the page an operator opens first: those that failed, why, and a way to retry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _, ngettext

from rindle_django.admin.base import (
    AssetProfileFilter,
    ReadOnlyAdmin,
    StateFilter,
    link_to,
    thumbnail,
)
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import caused_by
from rindle_django.models import Key, Variant
from rindle_django.models.proxies import FailedVariant
from rindle_django.processing import requeue_variants

__all__ = ["FailedVariant", "FailedVariantAdmin", "VariantAdmin"]


class VariantAdmin(ReadOnlyAdmin[Variant]):
    list_display: tuple[str, ...] = (
        "name",
        "asset_link",
        "badge",
        "size",
        "tries",
        "why",
        "created_at",
    )
    list_filter: ClassVar[tuple[Any, ...]] = (StateFilter, AssetProfileFilter)
    search_fields = ("=id", "=asset__id")
    search_help_text = _("Exact id of a variant or of its asset")
    ordering = ("-created_at",)
    list_select_related = ("asset",)
    fields = (
        "asset_link",
        "name",
        "picture",
        "badge",
        "why",
        "tries",
        "content_type",
        "size",
        "byte_size",
        "recipe_digest",
        "published_digest",
        "generated_at",
        "created_at",
        "updated_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Variant]:
        return super().get_queryset(request).select_related("asset__original", "object")

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rindle.requeue_variant")

    @admin.display(description=_("asset"))
    def asset_link(self, variant: Variant) -> SafeString:
        return link_to(variant.asset, variant.asset.filename or variant.asset_id)

    @admin.display(description=_("picture"))
    def picture(self, variant: Variant) -> SafeString | str:
        return thumbnail(variant.asset, variant.name) if variant.servable else "–"

    @admin.display(description=_("size"))
    def size(self, variant: Variant) -> str:
        return f"{variant.width} × {variant.height}" if variant.width else "–"

    @admin.display(description=_("tries"))
    def tries(self, variant: Variant) -> str:
        return f"{variant.attempts} / {variant.max_attempts}"

    @admin.action(description=_("Requeue selected variants"), permissions=["requeue"])
    def requeue(self, request: HttpRequest, chosen: Iterable[Variant]) -> None:
        by_asset: dict[Key, list[str]] = defaultdict(list)
        for variant in chosen:
            by_asset[variant.asset_id].append(variant.name)
        with caused_by(user=str(request.user.pk), surface="admin"):
            queued = sum(self._requeue(request, *each) for each in by_asset.items())
        if queued:
            text = ngettext("%d variant was queued.", "%d variants were queued.", queued) % queued
            self.message_user(request, text, messages.SUCCESS)

    def _requeue(self, request: HttpRequest, asset_id: Key, names: list[str]) -> int:
        try:
            return len(requeue_variants(asset_id, names))
        except RequestRefused as error:
            self.message_user(request, str(error), messages.ERROR)
            return 0

    actions = ("requeue",)


class FailedVariantAdmin(VariantAdmin):
    list_display = ("name", "asset_link", "profile_name", "why", "tries", "updated_at")
    list_filter = (AssetProfileFilter, "reason_code")
    ordering = ("-updated_at",)

    @admin.display(description=_("profile"))
    def profile_name(self, variant: Variant) -> str:
        return variant.asset.profile
