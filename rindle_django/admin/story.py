"""An asset's page: what it is, what was made of it, who has it, what happened, what can be done.

Everything is bounded and found by index; the rest is behind a link to a filtered list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, ngettext

from rindle_django.admin.doing import offered
from rindle_django.admin.marks import badge, dimensions, duration, preview, size
from rindle_django.admin.visit import address, link_to
from rindle_django.models import (
    Asset,
    Attachment,
    ProcessingRun,
    Transition,
    UploadSession,
    Variant,
)
from rindle_django.operations.explain import explain
from rindle_django.states import ACTIVE_VARIANT_STATES, ASSET

SHOWN = 50
HISTORY_SHOWN = 200
WORKING = frozenset({"validating", "analyzing", "promoting", "available", "processing"}) | {
    "transcoding"
}
assert frozenset(ASSET.states) >= WORKING


def told(request: HttpRequest, asset: Asset) -> dict[str, Any]:
    """All that the page shows of ``asset``, whose variants are prefetched."""
    variants = list(asset.variants.all())
    return {
        "asset": asset,
        "state": badge(asset.state),
        "preview": preview(asset),
        "verbs": [
            (verb, address(Asset, "do", asset.pk, verb.name))
            for verb in offered(request, asset, variants)
        ],
        "variants": [_variant(each) for each in variants],
        "sessions": [_session(each) for each in _newest(UploadSession, asset)],
        "attachments": _told_attachments(_attachments(asset)),
        "runs": [_run(each) for each in _runs(asset)],
        "story": (story := explain(asset.pk)),
        "history": story.lines[::-1][:HISTORY_SHOWN],
        "lists": _lists(asset),
        "active": active(asset, variants),
    }


def active(asset: Asset, variants: Sequence[Variant]) -> bool:
    """Whether something is, or soon will be, at work on it."""
    return asset.state in WORKING or any(each.state in ACTIVE_VARIANT_STATES for each in variants)


def fragment(request: HttpRequest, asset: Asset) -> str:
    """The part of the page that changes while something works on the asset."""
    return render_to_string("rindle/admin/_story.html", told(request, asset), request)


def said(asset: Asset) -> str:
    """The state of things in one sentence, for a screen reader."""
    variants = list(asset.variants.all())
    ready = sum(each.state == "ready" for each in variants)
    made = ngettext(
        "%(ready)d of %(count)d variant is ready.",
        "%(ready)d of %(count)d variants are ready.",
        len(variants),
    ) % {"ready": ready, "count": len(variants)}
    state = _("The asset is %s.") % asset.state
    return f"{state} {made}" if variants else state


def _newest(model: Any, asset: Asset) -> Any:
    return model.objects.filter(asset_id=asset.pk).order_by("-created_at")[:SHOWN]


def _attachments(asset: Asset) -> list[Attachment]:
    rows = Attachment.objects.filter(asset=asset).select_related("owner_type")
    return list(rows.order_by("created_at")[:SHOWN])


def _runs(asset: Asset) -> Any:
    return ProcessingRun.objects.filter(asset_id=asset.pk).order_by("-started_at")[:SHOWN]


def _lists(asset: Asset) -> dict[str, str]:
    models = {"history": Transition, "runs": ProcessingRun, "attachments": Attachment}
    return {name: address(model, "changelist", q=asset.pk) for name, model in models.items()}


def _variant(variant: Variant) -> dict[str, Any]:
    return {
        "name": link_to(variant, variant.name),
        "state": badge(variant.state),
        "dimensions": dimensions(variant.width, variant.height),
        "size": size(variant.byte_size),
        "type": variant.content_type,
        "tries": f"{variant.attempts} / {variant.max_attempts}",
        "generated_at": variant.generated_at,
        "reason_code": variant.reason_code,
        "reason": variant.reason,
    }


def _session(session: UploadSession) -> dict[str, Any]:
    return {
        "link": link_to(session, str(session.pk)[:8]),
        "state": badge(session.state),
        "filename": session.filename,
        "size": size(session.byte_size),
        "actor": session.actor,
        "created_at": session.created_at,
        "reason_code": session.reason_code,
    }


def _told_attachments(attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
    owners = owners_of(attachments)
    return [_attachment(each, owners.get(each.pk)) for each in attachments]


def _attachment(attachment: Attachment, owner: Model | None) -> dict[str, Any]:
    return {
        "owner": owner_link(attachment, owner),
        "slot": attachment.slot,
        "position": attachment.position,
        "link": link_to(attachment, _("details")),
        "created_at": attachment.created_at,
    }


def owners_of(attachments: Sequence[Attachment]) -> dict[UUID, Model]:
    """The owners, by the attachment; one query for each model. Without those that are gone, be it
    the row, or the model itself, which Django's own prefetching stumbles over."""
    by_model: dict[type[Model], set[str]] = defaultdict(set)
    for each in attachments:
        if (model := each.owner_type.model_class()) is not None:
            by_model[model].add(each.owner_id)
    found = {
        (model, str(owner.pk)): owner
        for model, keys in by_model.items()
        for owner in _rows(model, keys)
    }
    keyed = ((each.pk, (each.owner_type.model_class(), each.owner_id)) for each in attachments)
    return {pk: found[key] for pk, key in keyed if key in found}


def _rows(model: type[Model], keys: set[str]) -> list[Model]:
    try:
        return list(model._base_manager.filter(pk__in=keys))
    except (ValueError, ValidationError):  # keys of a former kind
        return []


def owner_link(attachment: Attachment, owner: Model | None) -> SafeString:
    """The owner by name, linked where the site has a page for it; its id if it is gone."""
    kind = str(attachment.owner_type.name)
    if owner is None:
        return format_html("{} {} ({})", kind, attachment.owner_id, _("gone"))
    return link_to(owner, f"{kind} {owner}")


def _run(run: ProcessingRun) -> dict[str, Any]:
    spent = (run.finished_at - run.started_at).total_seconds() if run.finished_at else None
    return {
        "variant": run.variant_name,
        "attempt": run.attempt,
        "outcome": badge(run.outcome),
        "started_at": run.started_at,
        "spent": duration(spent),
        "worker": run.worker,
        "reason_code": run.reason_code,
        "reason": run.reason,
    }
