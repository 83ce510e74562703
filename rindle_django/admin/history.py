"""What happened: every committed transition, every attempt."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from rindle_django.admin.base import ProfileFilter, ReadOnlyAdmin
from rindle_django.admin.lists import FixedFilter
from rindle_django.models import ProcessingRun, Transition
from rindle_django.models.variant import RUN_OUTCOMES


class SubjectFilter(FixedFilter):
    title = _("subject")
    parameter_name = "subject"
    values = ("asset", "variant", "session")


class OutcomeFilter(FixedFilter):
    title = _("outcome")
    parameter_name = "outcome"
    values = RUN_OUTCOMES


class TransitionAdmin(ReadOnlyAdmin[Transition]):
    list_display = ("at", "subject", "asset_id", "from_state", "to_state", "reason_code", "cause")
    list_filter = (SubjectFilter, ProfileFilter)
    search_fields = ("=asset_id", "=subject_id")
    ordering = ("-id",)


class ProcessingRunAdmin(ReadOnlyAdmin[ProcessingRun]):
    list_display = (
        "started_at",
        "variant_name",
        "asset_id",
        "attempt",
        "outcome",
        "reason_code",
        "finished_at",
        "worker",
    )
    list_filter = (OutcomeFilter,)
    search_fields = ("=asset_id", "=variant_id")
    ordering = ("-started_at",)
