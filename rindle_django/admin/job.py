"""Procrastinate's jobs, to look at; retrying and aborting them needs the permission to change.

Replaces Procrastinate's own page where ``GUARD_QUEUE_ADMIN`` says so. Its rows cannot be changed
through the model, so the permission means the actions alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _, ngettext
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import ProcrastinateException

from rindle_django.admin.base import ReadOnlyAdmin
from rindle_django.admin.filters import FixedFilter
from rindle_django.jobs import QUEUES

LONGEST = 500  # characters of a job's arguments


class StatusFilter(FixedFilter):
    title = _("status")
    parameter_name = "status"
    values = ProcrastinateJob.STATUSES


class QueueFilter(FixedFilter):
    title = _("queue")
    parameter_name = "queue_name"
    values = QUEUES


class JobAdmin(ReadOnlyAdmin[Model]):
    list_display = ("id", "task_name", "queue_name", "arguments", "status", "attempts")
    list_filter = (StatusFilter, QueueFilter)
    search_fields = ("=id",)
    ordering = ("-id",)
    actions = ("retry", "cancel", "abort")
    fields = (
        "id",
        "task_name",
        "queue_name",
        "arguments",
        "status",
        "attempts",
        "priority",
        "lock",
        "queueing_lock",
        "scheduled_at",
        "abort_requested",
    )

    @admin.display(description=_("arguments"))
    def arguments(self, job: Any) -> str:
        return json.dumps(job.args)[:LONGEST]

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("procrastinate.change_procrastinatejob")

    @admin.action(description=_("Retry selected failed jobs"), permissions=["act"])
    def retry(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """Failed ones alone: a job that is ``doing`` would be run twice."""
        self._act(request, chosen, {"failed"}, _retry)

    @admin.action(description=_("Cancel selected waiting jobs"), permissions=["act"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        self._act(request, chosen, {"todo"}, _cancel)

    @admin.action(description=_("Abort selected jobs"), permissions=["act"])
    def abort(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        self._act(request, chosen, {"todo", "doing"}, _abort)

    def _act(
        self,
        request: HttpRequest,
        chosen: QuerySet[Any],
        statuses: set[str],
        act: Callable[[Any], object],
    ) -> None:
        done = 0
        for job in chosen.filter(status__in=statuses):
            try:
                act(job)
                done += 1
            except ProcrastinateException as error:
                self.message_user(request, str(error), messages.ERROR)
        text = ngettext("%d job.", "%d jobs.", done) % done
        self.message_user(request, text, messages.SUCCESS if done else messages.WARNING)


def _retry(job: Any) -> None:
    app.job_manager.retry_job_by_id(job.id, timezone.now(), job.priority, job.queue_name, job.lock)


def _cancel(job: Any) -> None:
    app.job_manager.cancel_job_by_id(job.id, abort=False)


def _abort(job: Any) -> None:
    app.job_manager.cancel_job_by_id(job.id, abort=True)
