"""Rows that are read and written by constant statements: on the way of every upload, Django takes
longer to put a statement together than the database takes to answer it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connections, models, transaction
from django.db.models import Value
from django.db.models.fields import NOT_PROVIDED

from rindle_django.conf import database

M = TypeVar("M", bound=models.Model)


def execute(statement: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What a statement answers, with one row at least; or what it returns, where it writes."""
    alias = database()
    with (
        transaction.mark_for_rollback_on_error(using=alias),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def read(
    wanted: Mapping[str, type[models.Model]],
    rest: str,
    params: Sequence[Any],
    *,
    more: str = "",
) -> list[tuple[Any, ...]]:
    """Rows of ``wanted`` models, by the names that their tables have in ``rest``: all that comes
    behind FROM. With the values of ``more`` columns behind them."""
    columns, makers = _reading(tuple(wanted.items()))
    found = execute(f"SELECT {columns}{more} FROM {rest}", params)  # noqa: S608
    return [_made(row, makers) for row in found]


Maker = tuple[int, int, Callable[[Sequence[Any]], Any]]


@cache
def _reading(wanted: tuple[tuple[str, type[models.Model]], ...]) -> tuple[str, list[Maker]]:
    columns, makers = list[str](), list[Maker]()
    for name, model in wanted:
        fields = model._meta.concrete_fields
        begin = len(columns)
        columns += [f'{name}."{field.column}"' for field in fields]
        makers.append((begin, len(columns), _maker_of(model)))
    return ", ".join(columns), makers


def _maker_of(model: type[models.Model]) -> Callable[[Sequence[Any]], Any]:
    fields = model._meta.concrete_fields
    names = [field.attname for field in fields]
    loads = [
        (place, field)
        for place, field in enumerate(fields)
        if isinstance(field, models.JSONField)  # the only ones that come otherwise than they are
    ]

    def make(values: Sequence[Any]) -> Any:
        known, connection = list(values), connections[database()]
        for place, field in loads:
            known[place] = field.from_db_value(known[place], Value(None), connection)
        return model.from_db(database(), names, known)

    return make


def _made(row: tuple[Any, ...], makers: Sequence[Maker]) -> tuple[Any, ...]:
    *_, (_, end, _) = makers
    return (*(make(row[begin:stop]) for begin, stop, make in makers), *row[end:])


def insert(rows: Sequence[M], **computed: tuple[str, Sequence[Any]]) -> list[M]:
    """Write fresh rows of one model down, in one statement. ``computed`` are columns whose values
    the database works out, the same for all, each with its expression and parameters."""
    if not rows:
        return []
    model, connection = type(rows[0]), connections[database()]
    names = tuple((name, expression) for name, (expression, _) in computed.items())
    head, places, given, returned = _insertion(model, names)
    params: list[Any] = []
    behind = [each for _, those in computed.values() for each in those]
    for row in rows:
        params += [
            field.get_db_prep_save(getattr(row, field.attname), connection) for field in given
        ]
        params += behind
    values = ", ".join([places] * len(rows))
    columns = ", ".join(f'"{field.column}"' for field in returned)
    found = execute(f"{head} VALUES {values} RETURNING {columns}", params)
    for row, answers in zip(rows, found, strict=True):
        for field, answer in zip(returned, answers, strict=True):
            setattr(row, field.attname, answer)
        row._state.adding, row._state.db = False, database()
    return list(rows)


@cache
def _insertion(
    model: type[models.Model], computed: tuple[tuple[str, str], ...]
) -> tuple[str, str, list[Any], list[Any]]:
    """The beginning of an insertion, the values of one row in it, the fields that are given for
    each row, and those whose values come back."""
    expressions = dict(computed)
    given, returned = list[Any](), list[Any]()
    for field in model._meta.concrete_fields:
        left = field.db_default is not NOT_PROVIDED and not field.has_default()
        by_database = left or field.name in expressions or isinstance(field, models.AutoField)
        (returned if by_database else given).append(field)
    columns = [field.column for field in given]
    columns += [model._meta.get_field(name).column for name in expressions]  # type: ignore[union-attr]
    head = f"INSERT INTO {model._meta.db_table} ({', '.join(columns)})"
    places = ", ".join([*["%s"] * len(given), *expressions.values()])
    return head, f"({places})", given, returned
