"""Media health: the page that an operator opens first. Cheap to look at; the full doctor on demand.

What it shows is looked up when it is opened: nothing is pushed, nothing is cached, and no check
that asks a storage runs by itself.
"""

from __future__ import annotations

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
from rindle_django.models import Asset, FailedVariant, Overview, Variant

# What waits for somebody or for a worker: the count's name, its list, and the list's filter.
COUNTED: tuple[tuple[str, Any, type[Model], dict[str, str]], ...] = (
    ("failed", gettext_lazy("failed variants"), FailedVariant, {}),
    ("degraded", gettext_lazy("degraded assets"), Asset, {"state": "degraded"}),
    ("quarantined", gettext_lazy("quarantined assets"), Asset, {"state": "quarantined"}),
    ("queued", gettext_lazy("variants queued"), Variant, {"state": "queued"}),
    ("processing", gettext_lazy("variants in work"), Variant, {"state": "processing"}),
)


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
    storage = health.storage_by_profile()
    return {
        "counted": _counted(),
        "queues": [_queue(each) for each in health.queues()],
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


def _counted() -> list[dict[str, Any]]:
    found = health.counts()
    return [
        {
            "text": text,
            "count": found[name],
            "more": found[name] >= health.COUNTED,
            "list": address(model, "changelist", **query),
            "bad": name in ("failed", "degraded", "quarantined") and found[name] > 0,
        }
        for name, text, model, query in COUNTED
    ]


def _check(diagnosis: Any) -> dict[str, Any]:
    return {
        "id": diagnosis.check,
        "component": diagnosis.component,
        "status": badge(diagnosis.status),
        "finding": diagnosis.finding,
        "fix": diagnosis.fix,
    }


def _queue(queue: Any) -> dict[str, Any]:
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
        "list": address(FailedVariant, "changelist", reason_code=reason.code),
    }


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
