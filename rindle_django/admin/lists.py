"""Lists of tables that never end: counted to a bound, searched and filtered by index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q
from django.http import HttpRequest
from django.utils.functional import cached_property

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator


class BoundedPaginator(_Paginator):
    """Counts no further than anybody turns pages: to count a table is to read all of it."""

    furthest = 5_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[: self.furthest].count()
        return counted


def exactly(model: type[Model], search_fields: Iterable[str], term: str) -> Q:
    """The condition that one of ``search_fields`` is ``term``, so that an index can answer.

    Django's own exact search compares upper case, for which the whole table is read.
    """
    found = Q(pk__in=[])
    for name in search_fields:
        path = name.removeprefix("=")
        try:
            value = get_fields_from_path(model, path)[-1].to_python(term.strip())
        except ValidationError:
            continue  # no such id can exist
        found |= Q(**{path: value})
    return found


class FixedFilter(admin.SimpleListFilter):
    """By one of the values that a column can have: listed here, not looked for in the table."""

    values: ClassVar[Sequence[str]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, value) for value in self.values]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = self.value()
        return queryset.filter(**{str(self.parameter_name): chosen}) if chosen else queryset
