"""Lists of tables that never end: counted to a bound, and searched by index."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q
from django.utils.functional import cached_property

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

Alternatives = list[tuple[str, Any]]
"""Lookups of which at least one has to hold; none of them: nothing can be found."""


class BoundedPaginator(_Paginator):
    """Counts no further than anybody turns pages: to count a table is to read all of it."""

    furthest = 5_000

    @cached_property
    def count(self) -> int:
        return bounded_count(self.object_list, self.furthest)


def bounded_count(rows: Any, furthest: int) -> int:
    counted: int = rows.order_by()[:furthest].count()
    return counted


def exactly(model: type[Model], search_fields: Iterable[str], term: str) -> Q:
    """The condition that one of ``search_fields`` is ``term``, so that an index can answer.

    Django's own exact search compares upper case, for which the whole table is read.
    """
    return any_of(alternatives(model, search_fields, term))


def alternatives(model: type[Model], search_fields: Iterable[str], term: str) -> Alternatives:
    found: Alternatives = []
    for name in search_fields:
        path = name.removeprefix("=")
        try:
            value = get_fields_from_path(model, path)[-1].to_python(term.strip())
        except ValidationError:
            continue  # no such id can exist
        found.append((path, value))
    return found


def any_of(lookups: Alternatives) -> Q:
    return reduce(or_, (Q(**{name: value}) for name, value in lookups), Q(pk__in=[]))
