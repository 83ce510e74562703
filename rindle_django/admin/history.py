"""What happened: every committed transition, every attempt."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from rindle_django.admin.base import ReadOnlyAdmin
from rindle_django.admin.filters import AtWhenFilter, FixedFilter, StartedWhenFilter
from rindle_django.admin.marks import NOTHING, badge, duration, link_to_asset
from rindle_django.models import ProcessingRun, Transition
from rindle_django.models.variant import RUN_OUTCOMES
from rindle_django.operations.explain.words import cause


class SubjectFilter(FixedFilter):
    title = _("subject")
    parameter_name = "subject"
    values = ("asset", "variant", "session")


class OutcomeFilter(FixedFilter):
    title = _("outcome")
    parameter_name = "outcome"
    values = RUN_OUTCOMES


class TransitionAdmin(ReadOnlyAdmin[Transition]):
    list_display = ("at", "about", "from_state", "to", "reason_code", "because", "asset_link")
    list_filter = (SubjectFilter, AtWhenFilter)
    search_fields = ("=asset_id",)
    search_help_text = _("Exact id of an asset")
    ordering = ("-at",)

    @admin.display(description=_("what"))
    def about(self, entry: Transition) -> str:
        return f"{entry.subject} {entry.metadata.get('variant_name', '')}".strip()

    @admin.display(description=_("to"))
    def to(self, entry: Transition) -> SafeString:
        return badge(entry.to_state)

    @admin.display(description=_("because of"))
    def because(self, entry: Transition) -> str:
        return cause(entry.cause) or NOTHING

    @admin.display(description=_("asset"))
    def asset_link(self, entry: Transition) -> SafeString:
        return link_to_asset(entry.asset_id)


class ProcessingRunAdmin(ReadOnlyAdmin[ProcessingRun]):
    list_display = (
        "started_at",
        "variant_name",
        "attempt",
        "badge_of_outcome",
        "took",
        "reason_code",
        "worker",
        "asset_link",
    )
    list_filter = (OutcomeFilter, StartedWhenFilter)
    search_fields = ("=asset_id", "=variant_id")
    search_help_text = _("Exact id of an asset or of a variant")
    ordering = ("-started_at",)

    @admin.display(description=_("outcome"))
    def badge_of_outcome(self, run: ProcessingRun) -> SafeString:
        return badge(run.outcome)

    @admin.display(description=_("took"))
    def took(self, run: ProcessingRun) -> str:
        if run.finished_at is None:
            return NOTHING
        return duration((run.finished_at - run.started_at).total_seconds())

    @admin.display(description=_("asset"))
    def asset_link(self, run: ProcessingRun) -> SafeString:
        return link_to_asset(run.asset_id)
