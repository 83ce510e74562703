"""Variants, and the page an operator opens first: those that failed, why, and a way to retry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from rindle_django.admin import bulk
from rindle_django.admin.base import ReadOnlyAdmin
from rindle_django.admin.filters import (
    AssetProfileFilter,
    FailedWhenFilter,
    ReasonFilter,
    StateFilter,
    WhenFilter,
)
from rindle_django.admin.lists import Alternatives
from rindle_django.admin.marks import NOTHING, dimensions, size, thumbnail
from rindle_django.admin.visit import link_to
from rindle_django.models import Variant
from rindle_django.models.proxies import FailedVariant

__all__ = ["FailedVariant", "FailedVariantAdmin", "VariantAdmin"]


class VariantAdmin(ReadOnlyAdmin[Variant]):
    list_display: tuple[str, ...] = (
        "name",
        "asset_link",
        "badge",
        "size",
        "bytes",
        "tries",
        "why",
        "created_at",
    )
    list_filter: ClassVar[tuple[Any, ...]] = (StateFilter, AssetProfileFilter, WhenFilter)
    search_fields = ("=id", "=asset__id")
    search_help_text = _("Exact id of a variant or of its asset")
    ordering = ("-created_at",)
    list_select_related = ("asset",)
    actions: Sequence[Any] = ("requeue", "cancel")
    fields = (
        "asset_link",
        "name",
        "picture",
        "badge",
        "why",
        "tries",
        "content_type",
        "size",
        "bytes",
        "recipe_digest",
        "published_digest",
        "generated_at",
        "created_at",
        "updated_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Variant]:
        return super().get_queryset(request).select_related("asset__original", "object")

    @admin.display(description=_("asset"))
    def asset_link(self, variant: Variant) -> SafeString:
        return link_to(variant.asset, variant.asset.filename or variant.asset_id)

    @admin.display(description=_("picture"))
    def picture(self, variant: Variant) -> SafeString | str:
        return thumbnail(variant.asset, variant.name) if variant.servable else NOTHING

    @admin.display(description=_("dimensions"))
    def size(self, variant: Variant) -> str:
        return dimensions(variant.width, variant.height)

    @admin.display(description=_("size"))
    def bytes(self, variant: Variant) -> str:
        return size(variant.byte_size)

    @admin.display(description=_("tries"))
    def tries(self, variant: Variant) -> str:
        return f"{variant.attempts} / {variant.max_attempts}"

    # --- what can be done -----------------------------------------------------------------------

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rindle.requeue_variant")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rindle.cancel_processing")

    @admin.action(description=_("Requeue selected variants"), permissions=["requeue"])
    def requeue(self, request: HttpRequest, listed: QuerySet[Variant]) -> HttpResponse | None:
        return bulk.order(self, request, listed, "requeue")

    @admin.action(description=_("Cancel work on selected variants"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, listed: QuerySet[Variant]) -> HttpResponse | None:
        return bulk.order(self, request, listed, "cancel")


class FailedVariantAdmin(VariantAdmin):
    list_display = ("name", "asset_link", "profile_name", "why", "tries", "updated_at")
    list_filter = (ReasonFilter, AssetProfileFilter, FailedWhenFilter)
    ordering = ("-updated_at",)
    actions = ("requeue",)

    def conditions(self, request: HttpRequest) -> list[Alternatives]:
        return [[("state", "failed")], *super().conditions(request)]

    @admin.display(description=_("profile"))
    def profile_name(self, variant: Variant) -> str:
        return variant.asset.profile
