"""What all pages share: nothing is added, changed or deleted by hand; lists stay fast."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from rindle_django.admin.lists import BoundedPaginator, exactly
from rindle_django.delivery import url, variant_url
from rindle_django.errors import RindleError
from rindle_django.models import Asset, Stateful
from rindle_django.profiles import registered

M = TypeVar("M", bound=Model)
NOTHING = "–"
MOODS = {
    "good": {"ready", "completed", "present", "available"},
    "bad": {"failed", "degraded", "quarantined", "missing"},
    "busy": {
        "validating",
        "analyzing",
        "promoting",
        "processing",
        "transcoding",
        "queued",
        "verifying",
        "uploading",
    },
}

# Display methods get no request, and a ModelAdmin is shared by all threads.
_viewer: ContextVar[Any] = ContextVar("rindle_admin_viewer", default=None)


if TYPE_CHECKING:

    class _ModelAdmin(admin.ModelAdmin[M]):
        pass

else:

    class _ModelAdmin(admin.ModelAdmin):
        """Django's own is generic for type checkers only."""

        def __class_getitem__(cls, _: Any) -> type:
            return cls


class ReadOnlyAdmin(_ModelAdmin[M]):
    """Rows that machines own. They are looked at here, and changed by verbs alone."""

    show_full_result_count = False

    class Media:
        css = {"all": ("rindle/admin.css",)}

    list_per_page = 50
    paginator = BoundedPaginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(exactly(self.model, self.search_fields, search_term)), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        _viewer.set(request.user)
        return super().get_queryset(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    @admin.display(description=_("state"), ordering="state")
    def badge(self, row: Stateful) -> SafeString:
        return badge(row.state)

    @admin.display(description=_("reason"), ordering="reason_code")
    def why(self, row: Stateful) -> SafeString | str:
        if not row.reason_code:
            return NOTHING
        return format_html(
            '<div class="rindle-reason"><code>{}</code><span>{}</span></div>',
            row.reason_code,
            row.reason,
        )


class ProfileFilter(admin.SimpleListFilter):
    """By registered profile: from the registry, not by a scan of the table."""

    title = _("profile")
    parameter_name = "profile"
    field = "profile"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(profile.name for profile in registered())]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class AssetProfileFilter(ProfileFilter):
    field = "asset__profile"


class StateFilter(admin.SimpleListFilter):
    """By state, from the machine's table."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state) for state in model_admin.model.machine.states]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(state=self.value()) if self.value() else queryset


def badge(state: str) -> SafeString:
    """A state, coloured by whether it is good, bad or on its way."""
    mood = next((mood for mood, states in MOODS.items() if state in states), "")
    return format_html('<span class="rindle-state" data-mood="{}">{}</span>', mood, state)


def rows_of(rows: Iterable[tuple[object, ...]], columns: int) -> SafeString | str:
    """A small table inside a field."""
    line = "<tr>" + "<td>{}</td>" * columns + "</tr>"
    body = format_html_join("", line, rows)
    return format_html('<table class="rindle-list">{}</table>', body) if body else NOTHING


def link_to(row: Model, text: object) -> SafeString:
    """A link to the admin page of ``row``."""
    target = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', target, text)


def thumbnail(asset: Asset, name: str | None = None) -> SafeString | str:
    """A small picture through a signed URL; a dash when there is none to show to this user."""
    chosen = name or _smallest(asset)
    if chosen is None:
        return NOTHING
    try:
        source = variant_url(asset, chosen, actor=_viewer.get())
    except RindleError:
        return NOTHING
    return format_html('<img class="rindle-thumb" src="{}" alt="" loading="lazy">', source)


def original_link(asset: Asset) -> SafeString | str:
    try:
        return format_html('<a href="{}">{}</a>', url(asset, actor=_viewer.get()), asset.filename)
    except RindleError as error:
        return str(error)


def _smallest(asset: Asset) -> str | None:
    shown = [each for each in asset.variants.all() if each.servable and each.kind == "image"]
    return min(shown, key=lambda each: each.byte_size or 0).name if shown else None
