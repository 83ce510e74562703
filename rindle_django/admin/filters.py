"""Filters of the lists: their choices come from declarations, and each is answered by an index.

A filter says its conditions, so that a batch can keep them instead of a million ids.
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from rindle_django.admin.lists import Alternatives, any_of
from rindle_django.models import FailedVariant
from rindle_django.profiles import registered

Lookups = list[tuple[str, str]]


class Narrowing(admin.SimpleListFilter):
    """Narrows a list to what fulfils all of ``conditions()``."""

    column: ClassVar[str] = ""  # as the parameter, if empty

    def conditions(self) -> list[Alternatives]:
        value = self.value()
        return [[(self.column or str(self.parameter_name), value)]] if value else []

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        for each in self.conditions():
            queryset = queryset.filter(any_of(each))
        return queryset


class FixedFilter(Narrowing):
    """By one of the values that a column can have: listed here, not looked for in the table."""

    values: ClassVar[Sequence[str]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [(value, value) for value in self.values]


class StateFilter(Narrowing):
    """By state, from the machine's table."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [(state, state) for state in model_admin.model.machine.states]


class ProfileFilter(Narrowing):
    """By registered profile: from the registry, not by a scan of the table."""

    title = _("profile")
    parameter_name = "profile"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [(name, name) for name in sorted(profile.name for profile in registered())]


class AssetProfileFilter(ProfileFilter):
    column = "asset__profile"


class ReasonFilter(Narrowing):
    """By why variants failed: the reasons of the newest failures, with how many of those."""

    title = _("reason")
    parameter_name = "reason_code"
    looked_at = 2_000

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        newest = FailedVariant.objects.order_by("-updated_at").values("pk")[: self.looked_at]
        counted = (
            FailedVariant.objects.filter(pk__in=newest)
            .order_by()
            .values_list("reason_code")
            .annotate(count=Count("pk"))
        )
        return [(code, code) for code, _ in sorted(counted, key=lambda each: -each[1]) if code]


class WhenFilter(Narrowing):
    """By time: the last hour, or down from year to month to day.

    Django's own date hierarchy reads the whole table for the days that occur in it.
    """

    title = _("when")
    parameter_name = "when"
    column = "created_at"
    SPANS: ClassVar = {
        "1h": (_("past hour"), timedelta(hours=1)),
        "1d": (_("past 24 hours"), timedelta(days=1)),
        "7d": (_("past 7 days"), timedelta(days=7)),
        "30d": (_("past 30 days"), timedelta(days=30)),
    }

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.oldest = self._oldest(model_admin)
        super().__init__(request, params, model, model_admin)

    def _oldest(self, model_admin: Any) -> datetime.datetime | None:
        rows = model_admin.model._default_manager.order_by(self.column)
        found: datetime.datetime | None = rows.values_list(self.column, flat=True).first()
        return found

    def has_output(self) -> bool:
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> Lookups:
        return [(key, str(text)) for key, (text, _) in self.SPANS.items()]

    def choices(self, changelist: Any) -> Iterator[Any]:
        yield from super().choices(changelist)
        for period, text in self._periods():
            yield {
                "selected": self.value() == period,
                "query_string": changelist.get_query_string({str(self.parameter_name): period}),
                "display": text,
            }

    def _periods(self) -> Iterator[tuple[str, str]]:
        """All years, the months of the chosen year, the days of the chosen month."""
        now = timezone.localtime()
        first = timezone.localtime(self.oldest).year if self.oldest else now.year
        chosen = str(self.value() or "")
        for year in range(now.year, max(first, now.year - 30) - 1, -1):
            yield f"{year}", f"{year}"
            if re.fullmatch(rf"{year}(-\d\d){{0,2}}", chosen):
                yield from self._within_year(year, chosen)

    def _within_year(self, year: int, chosen: str) -> Iterator[tuple[str, str]]:
        for month in range(1, 13):
            period = f"{year}-{month:02}"
            yield period, "  " + date_format(datetime.date(year, month, 1), "F")
            if chosen.startswith(period):
                for day in range(1, calendar.monthrange(year, month)[1] + 1):
                    yield f"{period}-{day:02}", f"    {day}"

    def conditions(self) -> list[Alternatives]:
        value = self.value()
        if not value:
            return []
        if value in self.SPANS:
            since = timezone.now() - self.SPANS[value][1]
            return [[(f"{self.column}__gte", since)]]
        since, until = _period(value)
        return [[(f"{self.column}__gte", since)], [(f"{self.column}__lt", until)]]


def _period(text: str) -> tuple[datetime.datetime, datetime.datetime]:
    """Beginning and end of a year, a month or a day, as ``2026``, ``2026-11`` or ``2026-11-24``."""
    match = re.fullmatch(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", text)
    if match is None:
        raise IncorrectLookupParameters(f"{text!r} is no time")
    year, month, day = (int(each) if each else 0 for each in match.groups())
    try:
        since = datetime.datetime(year, month or 1, day or 1)  # noqa: DTZ001  (made aware below)
        until = _next(since, month, day)
    except (ValueError, OverflowError) as error:
        raise IncorrectLookupParameters(str(error)) from error
    return timezone.make_aware(since), timezone.make_aware(until)


def _next(since: datetime.datetime, month: int, day: int) -> datetime.datetime:
    if day:
        return since + timedelta(days=1)
    if month:
        return (since + timedelta(days=31)).replace(day=1)
    return since.replace(year=since.year + 1)


class StartedWhenFilter(WhenFilter):
    column = "started_at"


class AtWhenFilter(WhenFilter):
    column = "at"


class FailedWhenFilter(WhenFilter):
    column = "updated_at"
