"""What all pages share: nothing is added, changed or deleted by hand; lists stay fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from rindle_django.admin.filters import Narrowing
from rindle_django.admin.lists import Alternatives, BoundedPaginator, alternatives, exactly
from rindle_django.admin.marks import NOTHING, badge
from rindle_django.admin.visit import enter
from rindle_django.models import Stateful

M = TypeVar("M", bound=Model)

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

    class Media:
        css = {"all": ("rindle/admin.css",)}

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # a facet counts the table once for each choice
    list_per_page = 50
    list_max_show_all = 50
    paginator = BoundedPaginator
    sortable_by = ()  # by what has an index alone, which is the order that each list has

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Filters alone narrow a list. Django would take any column from the address, whose table
        is then read, and which a batch over the same list would not know of (C4.6)."""
        if lookup not in {getattr(each, "parameter_name", each) for each in self.list_filter}:
            raise IncorrectLookupParameters(f"no filter is named {lookup!r}")
        return True

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(exactly(self.model, self.search_fields, search_term)), False

    def conditions(self, request: HttpRequest) -> list[Alternatives]:
        """What the list of this request is narrowed to, to be kept and asked again later."""
        changelist: Any = self.get_changelist_instance(request)
        if request.GET.get(SEARCH_VAR) and not changelist.query:
            return [[]]  # Django drops a search that it does not understand, and lists all
        found = [
            each
            for spec in changelist.filter_specs
            if isinstance(spec, Narrowing)
            for each in spec.conditions()
        ]
        term = changelist.query
        return found + ([alternatives(self.model, self.search_fields, term)] if term else [])

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        enter(request, self.admin_site)
        return super().get_queryset(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    @admin.display(description=_("state"))
    def badge(self, row: Stateful) -> SafeString:
        return badge(row.state)

    @admin.display(description=_("reason"))
    def why(self, row: Stateful) -> SafeString | str:
        if not row.reason_code:
            return NOTHING
        return format_html(
            '<div class="rindle-reason"><code>{}</code><span>{}</span></div>',
            row.reason_code,
            row.reason,
        )
