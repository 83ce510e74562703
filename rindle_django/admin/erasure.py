"""Erasing an owner from the page of one of its attachments: seen in full first, then typed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from rindle_django.admin.marks import link_to_asset
from rindle_django.admin.visit import address, enter
from rindle_django.errors import RindleError
from rindle_django.lifecycle import caused_by
from rindle_django.models import Attachment
from rindle_django.operations.erasure import Bucket, ErasureReport, erase_owner, preview_erasure

PERMISSION = "rindle.erase_owner"


def may_erase(request: HttpRequest) -> bool:
    return request.user.has_perm(PERMISSION)


def owner_name(attachment: Attachment) -> str:
    kind = attachment.owner_type
    return f"{kind.app_label}.{kind.model}:{attachment.owner_id}"


def erase(request: HttpRequest, model_admin: Any, attachment: Attachment) -> HttpResponse:
    """Show what an erasure would take; on POST with the owner's name typed, do it."""
    enter(request, model_admin.admin_site)
    if not (model_admin.has_view_permission(request, attachment) and may_erase(request)):
        raise PermissionDenied
    name = owner_name(attachment)
    try:
        if request.method == "POST" and request.POST.get("typed", "").strip() == name:
            _carry_out(request, model_admin, attachment, name)
            return HttpResponseRedirect(address(Attachment, "changelist"))
        if request.method == "POST":
            text = _("Nothing was done: type “%s” to confirm.") % name
            model_admin.message_user(request, text, messages.ERROR)
        (report,) = preview_erasure([name]).owners
    except (RindleError, ValueError) as error:
        model_admin.message_user(request, str(error), messages.ERROR)
        return HttpResponseRedirect(address(Attachment, "change", attachment.pk))
    return _confirmation(request, model_admin, attachment, name, report)


def _carry_out(request: HttpRequest, model_admin: Any, attachment: Attachment, name: str) -> None:
    with caused_by(user=str(request.user.pk), surface="admin"):
        report = erase_owner(name)
    model_admin.log_change(request, attachment, f"erased {name}")
    model_admin.message_user(request, _in_words(report), messages.SUCCESS)


def _in_words(report: ErasureReport) -> str:
    return _(
        "%(detached)d attachments were detached; %(purged)d assets are being deleted, "
        "%(retained)d are kept because others have them."
    ) % {
        "detached": report.attachments_to_detach.count,
        "purged": report.assets_to_purge.count,
        "retained": report.retained_shared_assets.count,
    }


def _confirmation(
    request: HttpRequest, model_admin: Any, attachment: Attachment, name: str, report: Any
) -> HttpResponse:
    site = model_admin.admin_site
    request.current_app = site.name
    context = {
        **site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Erase all media of %s") % name,
        "owner": name,
        "buckets": [
            (_("Attachments that are detached"), _told(report.attachments_to_detach)),
            (_("Assets that are deleted for good"), _told(report.assets_to_purge)),
            (_("Assets that stay, because others have them"), _told(report.retained_shared_assets)),
        ],
        "uploads_kept": report.uploads_kept,
        "back": address(Attachment, "change", attachment.pk),
        "media": model_admin.media,
    }
    return TemplateResponse(request, "rindle/admin/erase.html", context)


def _told(bucket: Bucket) -> dict[str, Any]:
    """The first of a bucket's entries as cells: an asset's id is a link."""
    names = list(bucket.entries[0]) if bucket.entries else []
    rows = [
        [
            link_to_asset(str(entry[name])) if name in ("asset", "asset_id") else entry[name]
            for name in names
        ]
        for entry in bucket.entries
    ]
    return {"count": bucket.count, "names": names, "rows": rows, "more": bucket.count > len(rows)}
