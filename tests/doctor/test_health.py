"""The probe, as django-health-check runs it."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.urls import path
from health_check.views import HealthCheckView
from pytest_django import Settings

from rindle_django import jobs
from rindle_django.health import QUICK, RindleHealthCheck
from rindle_django.operations.doctor import CHECKS
from tests.doctor.signs import job, worker
from tests.kit import code_of

PROBE = "rindle_django.health.RindleHealthCheck"


def _view(**options: Any) -> Any:
    return HealthCheckView.as_view(checks=[(PROBE, options)])


urlpatterns = [
    path("health/", _view()),
    path("strict/", _view(fail_on="warn")),
    path("schedules/", _view(checks=("schedules",), fail_on="warn")),
]


@pytest.fixture(autouse=True)
def _served(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.mark.django_db(transaction=True)
def test_a_healthy_service_answers_so(client: Client):
    worker()
    answer = client.get("/health/?format=json")
    assert answer.status_code == 200
    assert list(answer.json().values()) == ["OK"]


@pytest.mark.django_db(transaction=True)
def test_what_is_amiss_takes_the_service_out_and_is_named(client: Client):
    worker()
    job(jobs.PROCESS, waits=300)
    answer = client.get("/health/?format=json")
    assert answer.status_code == 500
    (told,) = answer.json().values()
    assert told.startswith("Unavailable: queues.worker_missing: 1 job due in rindle_process")


@pytest.mark.django_db(transaction=True)
def test_a_warning_alone_takes_nothing_out_unless_that_is_asked_for(client: Client):
    assert client.get("/health/?format=json").status_code == 200
    answer = client.get("/strict/?format=json")
    assert answer.status_code == 500
    assert "Warning: workers.alive" in next(iter(answer.json().values()))


@pytest.mark.django_db(transaction=True)
def test_other_checks_can_be_chosen(client: Client, settings: Settings):
    assert client.get("/schedules/?format=json").status_code == 200
    settings.RINDLE = {**settings.RINDLE, "CLEANUP_DRY_RUN": True}
    assert client.get("/schedules/?format=json").status_code == 500


@pytest.mark.django_db(transaction=True)
def test_it_answers_where_there_is_an_event_loop():
    answer = async_to_sync(AsyncClient().get)("/health/?format=text")
    assert answer.status_code == 200


def test_the_quick_checks_call_no_storage_and_start_nothing():
    chosen = [each for each in CHECKS if {each.id, each.id.partition(".")[0]} & set(QUICK)]
    assert len(chosen) >= len(QUICK)
    assert all(each.place != "storage" for each in chosen)
    assert {each.component for each in chosen} <= {"database", "queue", "schedules", "rows"}


@pytest.mark.django_db
def test_a_check_that_there_is_not_is_no_healthy_service():
    assert code_of(RindleHealthCheck(checks=("nonsense",)).run) == "unknown_check"
