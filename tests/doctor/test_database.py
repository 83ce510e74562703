"""What the doctor says of the database."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections
from pytest_django import Settings

from example_project.services.ports import free_port
from rindle_django.operations.doctor import CHECKS, Diagnosis, diagnose
from rindle_django.testing import recorded_events
from tests.doctor.signs import said_by, told

pytestmark = pytest.mark.django_db(transaction=True)


def without_a_server() -> tuple[list[Diagnosis], list[Any]]:
    """The doctor's answers in a thread whose connections lead to a port that nobody listens on."""
    found: list[Diagnosis] = []
    heard: list[Any] = []

    def ask() -> None:
        connections["default"].settings_dict = {
            **connections["default"].settings_dict,
            "HOST": "127.0.0.1",
            "PORT": str(free_port()),
        }
        try:
            with recorded_events() as recorder:
                found.extend(diagnose(deep=True))
            heard.extend(recorder.named("rindle.runtime.check.stop"))
        finally:
            connections.close_all()

    asker = threading.Thread(target=ask)
    asker.start()
    asker.join(30)
    return found, heard


def test_an_outage_is_called_one_and_is_one_finding__C2_25():
    found, heard = without_a_server()
    errors = [each for each in found if each.status == "error"]
    assert [each.check for each in errors] == ["database.reachable"]
    assert "does not answer" in errors[0].finding
    assert "refused" in errors[0].finding
    assert "outage" in errors[0].fix
    unseen = {check.id for check in CHECKS if check.place != "process"}
    for each in found:
        if each.check in unseen:
            assert (each.status, each.fix) == ("warn", "See database.reachable.")
            assert "missing" not in each.finding
    assert unseen.isdisjoint(each["check"] for each in heard)


def test_a_connection_that_died_with_its_server_is_no_outage():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    killer = threading.Thread(target=_terminate, args=(pid,))
    killer.start()
    killer.join()
    assert said_by("database.reachable") == []


def _terminate(pid: int) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    finally:
        connections.close_all()


def test_a_connection_that_may_only_read_is_said():
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        try:
            assert "can only be read" in told("database.reachable").finding
            assert {
                each.check for each in diagnose() if "not be completed" in each.finding
            } == set()
        finally:
            cursor.execute("SET default_transaction_read_only = off")


@pytest.mark.parametrize("app", ["rindle", "procrastinate"])
def test_a_migration_that_is_not_applied_is_named(app: str):
    rows = _migrations(app)
    last = rows[-1]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", [app, last])
        try:
            diagnosis = told("database.migrations")
        finally:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())",
                [app, last],
            )
    assert diagnosis.status == "error"
    assert last in diagnosis.finding
    assert f"migrate {app}" in diagnosis.fix


def _migrations(app: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM django_migrations WHERE app = %s ORDER BY name", [app])
        return [name for (name,) in cursor.fetchall()]


def test_a_database_that_is_ahead_of_the_code_is_named():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('rindle', '0999_tomorrow', now())"
        )
        try:
            diagnosis = told("database.migrations")
        finally:
            cursor.execute("DELETE FROM django_migrations WHERE name = '0999_tomorrow'")
    assert "0999_tomorrow" in diagnosis.finding
    assert "older version" in diagnosis.fix


def test_a_guard_that_was_disabled_is_named():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rindle_variant DISABLE TRIGGER rindle_variant_edge")
        try:
            assert "rindle_variant_edge" in told("database.guard").finding
        finally:
            cursor.execute("ALTER TABLE rindle_variant ENABLE TRIGGER rindle_variant_edge")
    assert said_by("database.guard") == []


def test_an_index_that_was_not_finished_is_named():
    force = "UPDATE pg_index SET indisvalid = %s WHERE indexrelid = 'rindle_asset_due'::regclass"
    with connection.cursor() as cursor:
        cursor.execute(force, [False])
        try:
            assert "rindle_asset_due" in told("database.indexes").finding
        finally:
            cursor.execute(force, [True])


@pytest.mark.parametrize(("off", "status"), [(3, None), (-20, "warn"), (90, "error")])
def test_a_clock_that_is_off_is_said(
    off: float, status: str | None, monkeypatch: pytest.MonkeyPatch
):
    import time

    from rindle_django.operations.doctor import database

    class Clock:
        @staticmethod
        def time() -> float:
            return time.time() + off

    monkeypatch.setattr(database, "time", Clock)
    found = said_by("database.clock")
    assert [each.status for each in found] == ([] if status is None else [status])
    assert all(f"{off:+d} seconds" in each.finding for each in found)


def test_timeouts_that_the_server_lacks_are_named():
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = '30s'")
        cursor.execute("SET lock_timeout = '10s'")
        try:
            assert said_by("database.timeouts") == []
            cursor.execute("SET lock_timeout = 0")
            assert "lock_timeout is off" in told("database.timeouts").finding
            cursor.execute("SET lock_timeout = '10s'")
            cursor.execute("SET idle_session_timeout = '60s'")
            assert "60 seconds" in told("database.timeouts").finding
        finally:
            for name in ("idle_in_transaction_session_timeout", "lock_timeout"):
                cursor.execute(f"RESET {name}")
            cursor.execute("RESET idle_session_timeout")


def test_connections_that_are_kept_unchecked_are_said(monkeypatch: pytest.MonkeyPatch):
    held = connections["default"].settings_dict
    monkeypatch.setitem(held, "CONN_MAX_AGE", 0)
    assert said_by("workers.connection") == []
    monkeypatch.setitem(held, "CONN_MAX_AGE", None)
    assert "CONN_HEALTH_CHECKS" in told("workers.connection").fix
    monkeypatch.setitem(held, "CONN_HEALTH_CHECKS", True)
    assert said_by("workers.connection") == []


def test_rows_that_would_go_elsewhere_than_jobs_are_an_error(settings: Settings):
    settings.DATABASE_ROUTERS = ["tests.checks.test_checks.Elsewhere"]
    diagnosis = told("database.alias")
    assert diagnosis.status == "error"
    assert "rindle.E010" in diagnosis.finding
