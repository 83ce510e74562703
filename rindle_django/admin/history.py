"""What happened: every committed transition, every attempt."""

from __future__ import annotations

from rindle_django.admin.base import ProfileFilter, ReadOnlyAdmin
from rindle_django.models import ProcessingRun, Transition


class TransitionAdmin(ReadOnlyAdmin[Transition]):
    list_display = ("at", "subject", "asset_id", "from_state", "to_state", "reason_code", "cause")
    list_filter = ("subject", ProfileFilter)
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
    list_filter = ("outcome",)
    search_fields = ("=asset_id", "=variant_id")
    ordering = ("-started_at",)
