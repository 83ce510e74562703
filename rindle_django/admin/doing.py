"""Doing a verb to one asset: a page that shows what would change, and a POST that changes it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from rindle_django.admin.verbs import VERBS, Verb
from rindle_django.admin.visit import address, enter
from rindle_django.errors import RindleError
from rindle_django.lifecycle import caused_by
from rindle_django.models import Asset, Variant
from rindle_django.operations.repair import RepairReport


def may(request: HttpRequest, verb: Verb, asset: Asset | None = None) -> bool:
    """Whether the user has the verb's permission, for all assets or for this one."""
    user = request.user
    return user.has_perm(verb.permission) or (
        asset is not None and user.has_perm(verb.permission, asset)
    )


def offered(request: HttpRequest, asset: Asset, variants: list[Variant]) -> list[Verb]:
    return [
        verb
        for verb in VERBS.values()
        if verb.offered(asset, variants) and may(request, verb, asset)
    ]


def do(request: HttpRequest, model_admin: Any, asset_id: UUID, name: str) -> HttpResponse:
    """Show what a verb would change; on POST, change it. Outside a transaction."""
    enter(request, model_admin.admin_site)
    asset = Asset.objects.filter(pk=asset_id).first()
    verb = VERBS.get(name)
    if asset is None or verb is None:
        raise Http404
    if not (model_admin.has_view_permission(request, asset) and may(request, verb, asset)):
        raise PermissionDenied
    back = address(Asset, "change", asset.pk)
    try:
        if request.method == "POST":
            _carry_out(request, model_admin, asset, verb)
            return HttpResponseRedirect(back)
        change = verb.call(asset.pk, dry_run=True)
    except RindleError as error:
        model_admin.message_user(request, str(error), messages.ERROR)
        return HttpResponseRedirect(back)
    return _confirmation(request, model_admin, asset, verb, change)


def _carry_out(request: HttpRequest, model_admin: Any, asset: Asset, verb: Verb) -> None:
    with caused_by(user=str(request.user.pk), surface="admin"):
        change = verb.call(asset.pk)
    done = _("%(verb)s: %(count)d changes.") % {"verb": verb.label, "count": len(change.changes)}
    model_admin.log_change(request, asset, done)
    if change.finding:
        model_admin.message_user(request, change.finding, messages.WARNING)
    elif change.changes:
        model_admin.message_user(request, done, messages.SUCCESS)
    else:
        model_admin.message_user(request, _("There was nothing to change."), messages.INFO)


def _confirmation(
    request: HttpRequest, model_admin: Any, asset: Asset, verb: Verb, change: RepairReport
) -> HttpResponse:
    site: AdminSite = model_admin.admin_site
    request.current_app = site.name
    return TemplateResponse(
        request,
        "rindle/admin/confirm.html",
        {
            **site.each_context(request),
            "opts": model_admin.opts,
            "title": f"{verb.label}: {asset.filename or asset.pk}",
            "asset": asset,
            "verb": verb,
            "change": change,
            "back": address(Asset, "change", asset.pk),
            "media": model_admin.media,
        },
    )
