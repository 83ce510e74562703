"""Labels are bounded: more assets, people, files and keys are not more time series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import pytest
from django.conf import settings as django_settings
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from rindle_django import Recipe, observe, urls
from rindle_django.errors import CODES
from rindle_django.events import EVENTS
from rindle_django.jobs import JOBS, QUEUES
from rindle_django.models import StoredObject
from rindle_django.models.variant import RUN_OUTCOMES
from rindle_django.operations.cleanup import AbortReport, CleanupReport
from rindle_django.profiles import registered
from rindle_django.states import MACHINES
from rindle_django.storage.base import Adapter
from rindle_django.telemetry import METRICS, meters
from rindle_django.telemetry.derived import OTHER, OTHER_REASONS
from rindle_django.telemetry.names import LABELS
from tests.storms import Sky
from tests.telemetry.flows import live_wide
from tests.telemetry.reading import points

pytestmark = pytest.mark.django_db(transaction=True)
Series = set[tuple[str, tuple[tuple[str, Any], ...]]]


def series(reader: InMemoryMetricReader) -> Series:
    return {
        (name, tuple(sorted(dict(point.attributes).items())))
        for name, found in points(reader).items()
        for point in found
    }


def names(recipes: Iterable[Mapping[str, Recipe]]) -> set[str]:
    return {name for each in recipes for name in each}


def known() -> dict[str, set[Any]]:
    """Every label's values, by the declarations that they come from."""
    states = {state for machine in MACHINES.values() for state in machine.states}
    variants = names(profile.variants for profile in registered())
    errors = set(CODES) | {"unexpected"}
    return {
        "adapter": {"filesystem"},
        "count": {each.name for report in (AbortReport, CleanupReport) for each in fields(report)},
        "from": states,
        "mode": {"public", "private"},
        "operation": {*Adapter.TOUCHES_STORAGE, "open", "other"},
        "outcome": errors | {"ok", *RUN_OUTCOMES},
        "profile": {profile.name for profile in registered()},
        "queue": set(QUEUES),
        "reason": errors | OTHER_REASONS | {OTHER},
        "state": states,
        "status": {"waiting", "doing", "kept"},
        "storage": set(django_settings.STORAGES),
        "subject": {"asset", "variant", "object", "event"},
        "task": {job.name for job in JOBS},
        "to": states,
        "variant": variants,
        "variant_name": variants,
        "view": {pattern.name for pattern in urls.urlpatterns} | {"begin"},
        "worker": {"abort_incomplete_uploads", "cleanup_orphans"},
    }


def test_more_assets_people_and_files_are_not_one_time_series_more(
    just_started: InMemoryMetricReader, sky: Sky
):
    observe()
    secrets = live_wide(sky)
    before = series(just_started)
    secrets += live_wide(sky)
    assert series(just_started) == before
    _are_known(before)
    _are_all(before)
    told = repr(before)
    keys = list(StoredObject.objects.values_list("key", flat=True))
    assert len(keys) > 30
    assert [each for each in [*secrets, *keys] if each in told] == []


def _are_known(found: Series) -> None:
    values = known()
    for name, labels in found:
        assert {label for label, _ in labels} == set(METRICS[name].labels)
        for label, value in labels:
            assert value in values[label], f"{name} has {label}={value!r}"


def _are_all(found: Series) -> None:
    """A metric that nothing records is a promise that nobody keeps."""
    silent = METRICS.keys() - {name for name, _ in found}
    # Those that follow from events have flows of their own.
    assert {name for name in silent if not name.startswith(tuple(EVENTS))} == set()


def test_each_label_is_explained():
    used = {label for metric in METRICS.values() for label in metric.labels}
    assert used == set(LABELS)


def test_what_is_recorded_has_all_its_labels_and_no_others():
    with pytest.raises(AssertionError, match="labels"):
        meters.record("rindle.claim.lost", 1)
    with pytest.raises(AssertionError, match="labels"):
        meters.record("rindle.claim.lost", 1, {"subject": "asset", "asset_id": "x"})
