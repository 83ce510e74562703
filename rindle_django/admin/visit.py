"""Who looks, on which admin site: display methods and links need to know, and get no request."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString


@dataclass(frozen=True)
class Visit:
    user: Any = None
    site: str = "admin"


# A ModelAdmin is shared by all threads, so what belongs to a request is not kept on it.
_visit: ContextVar[Visit] = ContextVar("rindle_admin_visit", default=Visit())  # noqa: B039


def enter(request: HttpRequest, site: AdminSite) -> None:
    _visit.set(Visit(request.user, site.name))


def viewer() -> Any:
    return _visit.get().user


def address(model: type[Model] | Model, page: str, *args: object, **query: str | UUID) -> str:
    """Where ``page`` of a model is on the visited site; empty if it is not registered there."""
    meta = model._meta
    name = f"admin:{meta.app_label}_{meta.model_name}_{page}"
    try:
        path = reverse(name, args=args, current_app=_visit.get().site)
    except NoReverseMatch:
        return ""
    return f"{path}?{urlencode({k: str(v) for k, v in query.items()})}" if query else path


def link_to(row: Model, text: object) -> SafeString:
    """A link to the admin page of ``row``; the text alone where it has none."""
    target = address(row, "change", row.pk)
    return format_html('<a href="{}">{}</a>', target, text) if target else format_html("{}", text)
