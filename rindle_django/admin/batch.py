"""Batches: what was ordered for many rows at once, how far it is, and a way to stop it."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _, ngettext

from rindle_django.admin.base import ReadOnlyAdmin
from rindle_django.admin.marks import badge
from rindle_django.admin.verbs import VERBS
from rindle_django.models import Batch
from rindle_django.operations import batches


class BatchAdmin(ReadOnlyAdmin[Batch]):
    list_display = ("created_at", "verb", "model", "status", "done", "not_done", "actor")
    search_fields = ("=id",)
    ordering = ("-created_at",)
    actions = ("stop",)
    fields = (
        "verb",
        "model",
        "conditions",
        "actor",
        "as_of",
        "status",
        "done",
        "refused",
        "created_at",
        "updated_at",
        "finished_at",
    )

    @admin.display(description=_("status"))
    def status(self, batch: Batch) -> SafeString:
        if batch.stopped:
            return badge("stopped")
        return badge("completed" if batch.finished_at else "running")

    @admin.display(description=_("refused"))
    def not_done(self, batch: Batch) -> int:
        return sum(batch.refused.values())

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return any(request.user.has_perm(verb.permission) for verb in VERBS.values())

    @admin.action(description=_("Stop selected batches"), permissions=["stop"])
    def stop(self, request: HttpRequest, listed: QuerySet[Batch]) -> None:
        """Of those whose verb the user may do."""
        theirs = [each for each in listed if request.user.has_perm(VERBS[each.verb].permission)]
        stopped = sum(batches.stop(each.pk) for each in theirs)
        text = ngettext("%d batch was stopped.", "%d batches were stopped.", stopped) % stopped
        self.message_user(request, text, messages.SUCCESS if stopped else messages.WARNING)
