"""Assets: where each one is, its variants, what became of it, and what can be done about it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from rindle_django.admin import bulk, doing, story
from rindle_django.admin.base import ReadOnlyAdmin
from rindle_django.admin.filters import ProfileFilter, StateFilter, WhenFilter
from rindle_django.admin.marks import dimensions, original_link, size, thumbnail
from rindle_django.admin.visit import address
from rindle_django.models import Asset, Variant


class AssetAdmin(ReadOnlyAdmin[Asset]):
    change_form_template = "rindle/admin/asset.html"
    list_display = ("picture", "filename", "profile", "badge", "why", "bytes", "created_at")
    list_display_links = ("filename",)
    list_filter = (StateFilter, ProfileFilter, WhenFilter)
    search_fields = ("=id", "=actor")
    search_help_text = _("Exact id of an asset, or actor such as auth.user:1")
    ordering = ("-created_at",)
    actions = ("requeue", "cancel", "discard")
    fields = (
        "original_file",
        "profile",
        "actor",
        "storage",
        "content_type",
        "bytes",
        "dimensions",
        "sha256",
        "why",
        "created_at",
        "updated_at",
    )

    class Media:
        js = ("rindle/admin.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Asset]:
        variants = Variant.objects.select_related("object").order_by("name")
        return (
            super()
            .get_queryset(request)
            .select_related("original")
            .prefetch_related(Prefetch("variants", queryset=variants))
        )

    def get_urls(self) -> list[URLPattern]:
        name = "rindle_asset"
        guarded: Any = self.admin_site.admin_view
        do, progress = guarded(self.do_view), guarded(self.progress_view)
        ours = [
            path("<uuid:asset_id>/do/<slug:name>/", do, name=f"{name}_do"),
            path("<uuid:asset_id>/progress/", progress, name=f"{name}_progress"),
        ]
        return ours + super().get_urls()

    @method_decorator(transaction.non_atomic_requests)  # some verbs ask the storage
    def do_view(self, request: HttpRequest, asset_id: UUID, name: str) -> HttpResponse:
        return doing.do(request, self, asset_id, name)

    def progress_view(self, request: HttpRequest, asset_id: UUID) -> HttpResponse:
        """What the page polls while something works on the asset: its changing part, anew."""
        asset = self.get_queryset(request).filter(pk=asset_id).first()
        if asset is None:
            raise Http404
        if not self.has_view_permission(request, asset):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        return JsonResponse(
            {
                "active": story.active(asset, list(asset.variants.all())),
                "said": story.said(asset),
                "html": story.fragment(request, asset),
            }
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        asset = context["original"]
        context |= {
            "fragment": story.fragment(request, asset),
            "active": story.active(asset, list(asset.variants.all())),
            "progress": address(Asset, "progress", asset.pk),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("picture"))
    def picture(self, asset: Asset) -> SafeString | str:
        return thumbnail(asset)

    @admin.display(description=_("original"))
    def original_file(self, asset: Asset) -> SafeString | str:
        return original_link(asset)

    @admin.display(description=_("dimensions"))
    def dimensions(self, asset: Asset) -> str:
        return dimensions(asset.width, asset.height)

    @admin.display(description=_("size"))
    def bytes(self, asset: Asset) -> str:
        return size(asset.byte_size)

    # --- what can be done -----------------------------------------------------------------------

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rindle.requeue_variant")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rindle.cancel_processing")

    def has_discard_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("rindle.discard_asset")

    @admin.action(description=_("Requeue variants of selected assets"), permissions=["requeue"])
    def requeue(self, request: HttpRequest, listed: QuerySet[Asset]) -> HttpResponse | None:
        return bulk.order(self, request, listed, "requeue")

    @admin.action(description=_("Cancel processing of selected assets"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, listed: QuerySet[Asset]) -> HttpResponse | None:
        return bulk.order(self, request, listed, "cancel")

    @admin.action(description=_("Discard selected assets"), permissions=["discard"])
    def discard(self, request: HttpRequest, listed: QuerySet[Asset]) -> HttpResponse | None:
        return bulk.order(self, request, listed, "discard")
