"""Media health: the page that an operator opens first. Cheap to look at; the full doctor on demand.

What it shows is looked up when it is opened: nothing is pushed, nothing is cached, and no check
that asks a storage runs by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST

from rindle_django.admin import health
from rindle_django.admin.base import ReadOnlyAdmin
from rindle_django.admin.marks import badge, duration, size
from rindle_django.admin.sparkline import sparkline
from rindle_django.admin.visit import address, enter, link_to
from rindle_django.models import Asset, FailedVariant, Overview, UploadSession, Variant
from rindle_django.operations.queues import QueueStatus
from rindle_django.operations.reading import ENOUGH
from rindle_django.operations.status import Finding

# What waits for somebody, then what waits for a worker: machine and state, and where the list is.
COUNTED: tuple[tuple[str, str, Any, type[Model]], ...] = (
    ("variant", "failed", gettext_lazy("failed variants"), FailedVariant),
    ("asset", "degraded", gettext_lazy("degraded assets"), Asset),
    ("asset", "quarantined", gettext_lazy("quarantined assets"), Asset),
    ("variant", "queued", gettext_lazy("variants queued"), Variant),
    ("variant", "processing", gettext_lazy("variants in work"), Variant),
)
BAD = frozenset({"failed", "degraded", "quarantined"})
# Where the rows of a finding are listed by the state that gave it its name.
LISTS: dict[str, type[Model]] = {"asset": Asset, "variant": Variant, "session": UploadSession}


class OverviewAdmin(ReadOnlyAdmin[Overview]):
    def get_urls(self) -> list[URLPattern]:
        def at(route: str, view: Any, name: str) -> URLPattern:
            guarded: Any = self.admin_site.admin_view(view)
            found: URLPattern = path(route, guarded, name=f"rindle_overview_{name}")
            return found

        return [
            at("", self.changelist_view, "changelist"),
            at("doctor/", self.doctor_view, "doctor"),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._page(request, health.doctor(), **(extra_context or {}))

    @method_decorator([require_POST, transaction.non_atomic_requests])  # it asks the storages
    def doctor_view(self, request: HttpRequest) -> HttpResponse:
        self._allow(request)
        return self._page(request, health.doctor(full=True), full=True)

    def _allow(self, request: HttpRequest) -> None:
        enter(request, self.admin_site)
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _page(self, request: HttpRequest, checks: list[Any], **extra: Any) -> HttpResponse:
        self._allow(request)
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Media health"),
            "media": self.media,
            "checks": [_check(each) for each in checks],
            "ill": [_check(each) for each in checks if each.status != "ok"],
            "full": False,
            **_figures(),
            **extra,
        }
        return TemplateResponse(request, "rindle/admin/home.html", context)


def _figures() -> dict[str, Any]:
    minutes = health.transitions_per_minute()
    storage, status = health.storage_by_profile(), health.status()
    return {
        "counted": list(_counted(status.counts)),
        "findings": [_finding(each) for each in status.findings],
        "queues": [_queue(each) for each in status.queues],
        "spark": sparkline(minutes, _("State changes in each minute of the past hour")),
        "latest": minutes[-1],
        "most": max(minutes),
        "sum": sum(minutes),
        "reasons": [_reason(each) for each in health.failures_by_reason()],
        "storage": storage,
        "stored": [
            (each.profile or "–", each.objects, size(each.byte_size)) for each in storage.profiles
        ],
        "failures": [_failure(each) for each in health.recent_failures()],
        "quarantined": [_quarantined(each) for each in health.quarantined()],
    }


def _counted(counts: Mapping[str, Mapping[str, int]]) -> Iterator[dict[str, Any]]:
    for machine, state, text, model in COUNTED:
        count = counts[machine].get(state, 0)
        query = {} if model is FailedVariant else {"state": state}
        yield {
            "text": text,
            "count": _bounded(count),
            "list": address(model, "changelist", **query),
            "bad": state in BAD and count > 0,
        }


def _bounded(count: int) -> str:
    return f"{ENOUGH}+" if count > ENOUGH else f"{count}"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "subject": finding.subject,
        "reason": finding.reason,
        "count": _bounded(finding.count),
        "oldest": duration(finding.oldest_seconds),
        "verb": finding.verb,
        "list": _list_of(finding),
    }


def _list_of(finding: Finding) -> str:
    """The list of what the finding is about, where that is those in one state (C4.4)."""
    if (finding.subject, finding.kind) == ("variant", "failed"):
        return _failed_for(finding.reason)
    model: Any = LISTS.get(finding.subject)
    if model is None or finding.kind not in model.machine.states:
        return ""
    return address(model, "changelist", state=finding.kind)


def _check(diagnosis: Any) -> dict[str, Any]:
    return {
        "id": diagnosis.check,
        "component": diagnosis.component,
        "status": badge(diagnosis.status),
        "finding": diagnosis.finding,
        "fix": diagnosis.fix,
    }


def _queue(queue: QueueStatus) -> dict[str, Any]:
    return {
        "name": queue.queue,
        "waiting": queue.waiting,
        "doing": queue.doing,
        "oldest": duration(queue.oldest_seconds),
        "per_minute": f"{queue.per_minute:g}",
        "workers": queue.workers,
        "forsaken": queue.waiting and not queue.workers,
    }


def _reason(reason: health.Reason) -> dict[str, Any]:
    return {
        "code": reason.code or "–",
        "count": reason.count,
        "list": _failed_for(reason.code),
    }


def _failed_for(code: str) -> str:
    return address(FailedVariant, "changelist", **({"reason_code": code} if code else {}))


def _failure(variant: FailedVariant) -> dict[str, Any]:
    return {
        "asset": link_to(variant.asset, variant.asset.filename or variant.asset_id),
        "name": variant.name,
        "code": variant.reason_code,
        "reason": variant.reason,
        "at": variant.updated_at,
    }


def _quarantined(asset: Asset) -> dict[str, Any]:
    return {
        "asset": link_to(asset, asset.filename or asset.pk),
        "profile": asset.profile,
        "code": asset.reason_code,
        "reason": asset.reason,
        "at": asset.updated_at,
    }
