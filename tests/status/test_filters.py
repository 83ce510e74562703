"""Filters that make no sense are refused before anything is read, and told of."""

from __future__ import annotations

import math
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rindle_django import runtime_status as from_the_root
from rindle_django.operations.status import runtime_status
from rindle_django.testing import Recorder
from tests.kit import code_of, declared

pytestmark = pytest.mark.django_db

BAD: list[tuple[dict[str, Any], str]] = [
    ({"profile": "phto"}, "unknown_profile"),
    ({"profile": ""}, "unknown_profile"),
    ({"profile": "PHOTO"}, "unknown_profile"),
    ({"profile": "photo\x00"}, "unknown_profile"),
    ({"profile": "tests.app.media.Photo"}, "unknown_profile"),
    ({"profile": 7}, "unknown_profile"),
    ({"profile": ["photo"]}, "unknown_profile"),
    ({"older_than": -1}, "filter_invalid"),
    ({"older_than": 1e12}, "filter_invalid"),
    ({"older_than": math.inf}, "filter_invalid"),
    ({"older_than": math.nan}, "filter_invalid"),
    ({"older_than": "60"}, "filter_invalid"),
    ({"older_than": True}, "filter_invalid"),
    ({"older_than": 10**400}, "filter_invalid"),
    ({"limit": 0}, "filter_invalid"),
    ({"limit": -5}, "filter_invalid"),
    ({"limit": 1001}, "filter_invalid"),
    ({"limit": 2.5}, "filter_invalid"),
    ({"limit": True}, "filter_invalid"),
    ({"limit": None}, "filter_invalid"),
    ({"mode": "xml"}, "filter_invalid"),
    ({"mode": None}, "filter_invalid"),
]


@pytest.mark.parametrize(("filters", "code"), BAD)
def test_a_filter_that_makes_no_sense_is_refused_and_told_of__C2_30(
    filters: dict[str, Any], code: str, events: Recorder
):
    with CaptureQueriesContext(connection) as asked:
        assert code_of(runtime_status, **filters) == code
    assert len(asked) == 0
    (told,) = events.named("rindle.runtime.refusal")
    assert told["surface"] == "runtime_status"
    assert told["reason"] == code
    assert told["mode"] in ("python", "other")


@pytest.mark.parametrize(
    "filters",
    [
        {"profile": "photo"},
        {"older_than": 0},
        {"older_than": 315_360_000},
        {"limit": 1},
        {"limit": 1000},
        {"mode": "json"},
    ],
)
def test_a_filter_that_makes_sense_is_not(filters: dict[str, Any], events: Recorder):
    runtime_status(**filters)
    assert events.emitted == []


def test_the_profiles_are_those_that_are_registered_now():
    with declared("late"):
        assert runtime_status(profile="late").findings == []
    assert code_of(runtime_status, profile="late") == "unknown_profile"


def test_the_package_root_has_it():
    assert from_the_root is runtime_status
