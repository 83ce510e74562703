"""What a URL that was issued still leads to."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from rindle_django import ledger
from rindle_django.models import StoredObject
from rindle_django.states import VERIFIED_ASSET_STATES


def served_objects() -> QuerySet[StoredObject]:
    """The objects that may be read by a link.

    It outlives a deletion or a quarantine; what was taken back must not be shown any more, and what
    is not verified never (X8).
    """
    return StoredObject.objects.filter(
        Q(state="present") | ledger.retired(), asset__state__in=VERIFIED_ASSET_STATES
    )
