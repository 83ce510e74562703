"""Doing a verb to many rows of a list: confirmed first, at once if they are few, else as a batch.

What is ticked on a page is kept by id. "All across pages" is kept as the list's filter and the
moment it was shown: what changed since is left alone, and a million rows cost one.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.translation import gettext as _, ngettext

from rindle_django.actors import actor_id
from rindle_django.admin.lists import Alternatives, BoundedPaginator, bounded_count
from rindle_django.admin.verbs import VERBS, Verb
from rindle_django.admin.visit import address
from rindle_django.conf import database
from rindle_django.lifecycle import caused_by
from rindle_django.models import Batch, Variant
from rindle_django.operations import batches

AT_ONCE = 100
SAMPLE = 10


@dataclass
class Order:
    """A verb for rows of one list. ``count`` stops at the bound of all lists."""

    verb: Verb
    model: str
    rows: QuerySet[Any]
    conditions: list[Alternatives]
    as_of: datetime.datetime
    across: bool
    count: int

    @property
    def large(self) -> bool:
        return self.across and self.count > AT_ONCE

    @property
    def more(self) -> bool:
        return self.count >= BoundedPaginator.furthest

    @property
    def to_be_typed(self) -> str:
        return self.verb.name if self.verb.destroys and self.large else ""

    @property
    def sample(self) -> list[Any]:
        return list(self.rows[:SAMPLE])


def order(
    model_admin: Any, request: HttpRequest, listed: QuerySet[Any], name: str
) -> HttpResponse | None:
    """Answer an action of a list: the confirmation, or the list again once it was done."""
    confirmed = "confirmed" in request.POST
    ordered = _ordered(model_admin, request, listed, VERBS[name])
    if ordered is None:
        model_admin.message_user(request, _("The confirmation is not valid."), messages.ERROR)
        return None
    if not confirmed:
        return _confirmation(model_admin, request, ordered)
    if ordered.to_be_typed and request.POST.get("typed", "").strip() != ordered.to_be_typed:
        text = _("Nothing was done: type “%s” to confirm.") % ordered.to_be_typed
        model_admin.message_user(request, text, messages.ERROR)
        return _confirmation(model_admin, request, ordered)
    if ordered.large:
        _defer(model_admin, request, ordered)
    else:
        _do_at_once(model_admin, request, ordered)
    return None


def _ordered(
    model_admin: Any, request: HttpRequest, listed: QuerySet[Any], verb: Verb
) -> Order | None:
    model = "variant" if issubclass(model_admin.model, Variant) else "asset"
    as_of = _moment(request.POST.get("as_of"))
    if as_of is None:
        return None
    across = request.POST.get("select_across") == "1"
    conditions = model_admin.conditions(request) if across else []
    rows = batches.chosen(model, conditions, as_of) if across else listed
    count = bounded_count(rows, BoundedPaginator.furthest)
    return Order(verb, model, rows.order_by("-created_at"), conditions, as_of, across, count)


def _moment(text: str | None) -> datetime.datetime | None:
    """When the confirmation was shown, by the database's clock; now, if it is to be shown."""
    if text is None:
        with connections[database()].cursor() as cursor:
            cursor.execute("SELECT statement_timestamp()")
            now: datetime.datetime = cursor.fetchone()[0]
            return now
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _do_at_once(model_admin: Any, request: HttpRequest, ordered: Order) -> None:
    with caused_by(user=str(request.user.pk), surface="admin"):
        outcome = batches.carry_out(ordered.verb.name, list(ordered.rows))
    if outcome.done:
        text = _said(ordered, outcome.done)
        model_admin.message_user(request, text, messages.SUCCESS)
    for code, count in outcome.refused.items():
        text = f"{outcome.texts[code]} ({count}×)" if count > 1 else outcome.texts[code]
        model_admin.message_user(request, text, messages.ERROR)


def _defer(model_admin: Any, request: HttpRequest, ordered: Order) -> None:
    batch = batches.begin(
        ordered.verb.name,
        ordered.model,
        ordered.conditions,
        as_of=ordered.as_of,
        actor=actor_id(request.user),
    )
    target = address(Batch, "change", batch.pk)
    text = _("These are many, so a worker does it in the background.")
    link = format_html('<a href="{}">{}</a>', target, _("See how far it is.")) if target else ""
    model_admin.message_user(request, format_html("{} {}", text, link), messages.INFO)


def _said(ordered: Order, count: int) -> str:
    if ordered.model == "variant":
        text = ngettext("%(count)d variant", "%(count)d variants", count) % {"count": count}
    else:
        text = ngettext("%(count)d asset", "%(count)d assets", count) % {"count": count}
    return f"{ordered.verb.label}: {text}."


def _confirmation(model_admin: Any, request: HttpRequest, ordered: Order) -> HttpResponse:
    site = model_admin.admin_site
    request.current_app = site.name
    ticked = [] if ordered.across else request.POST.getlist(ACTION_CHECKBOX_NAME)
    return TemplateResponse(
        request,
        "rindle/admin/confirm_many.html",
        {
            **site.each_context(request),
            "opts": model_admin.opts,
            "title": _("%(verb)s: are you sure?") % {"verb": ordered.verb.label},
            "order": ordered,
            "action": request.POST.get("action"),
            "ticked": ticked,
            "as_of": ordered.as_of.isoformat(),
            "filters": _in_words(ordered),
            "back": request.get_full_path(),
            "at_once": AT_ONCE,
            "media": model_admin.media,
        },
    )


def _in_words(ordered: Order) -> list[str]:
    if not ordered.across:
        return []
    return [
        " or ".join(f"{name.replace('__', ' ')} {value}" for name, value in alternatives)
        for alternatives in ordered.conditions
    ]
