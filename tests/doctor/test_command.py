"""``rindle_doctor`` as an operator meets it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pytest_django import Settings

from rindle_django import jobs
from rindle_django.management.commands.rindle_doctor import Command
from rindle_django.operations.doctor import CHECKS
from tests.doctor.signs import job, run, worker
from tests.jobs.worker import ROOT, environment

pytestmark = pytest.mark.django_db(transaction=True)
DOCTOR = "rindle_doctor"


def test_a_line_for_each_finding_and_the_remedy_below_it():
    worker()
    job(jobs.PROCESS, waits=300)
    code, out = run(DOCTOR, "--only", "queues")
    assert code == 1
    lines = out.splitlines()
    assert lines[0].startswith("error  queues.worker_missing")
    assert lines[1].strip().startswith("-> Start a worker")
    assert lines[-1] == "2 ok, 0 warn, 1 error."
    starts = {line.index(each) for line, each in zip(lines, ("1 job", "->"), strict=False)}
    assert len(starts) == 1


def test_warnings_fail_only_when_that_is_asked_for(settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "CLEANUP_DRY_RUN": True}
    assert run(DOCTOR, "--only", "schedules")[0] == 0
    assert run(DOCTOR, "--only", "schedules", "--fail-on", "warn")[0] == 1
    assert run(DOCTOR, "--only", "schedules.cron", "--fail-on", "warn")[0] == 0


def test_one_document_for_machines(settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "CLEANUP_DRY_RUN": True}
    code, out = run(DOCTOR, "--only", "schedules", "--format", "json", "--fail-on=warn")
    document = json.loads(out)
    assert (code, document["exit_code"], document["status"]) == (1, 1, "warn")
    assert document["counts"] == {"ok": 3, "warn": 1, "error": 0}
    (told,) = [each for each in document["diagnoses"] if each["status"] == "warn"]
    assert set(told) == {"check", "component", "status", "finding", "fix"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_unknown_check_is_wrong_usage__C1_11(form: str):
    code, out = run(DOCTOR, "--only", "tests.app.media.Photo", "--format", form)
    assert code == 2
    assert "--list" in out
    if form == "json":
        assert '"error": "unknown_check"' in out


@pytest.mark.parametrize("flags", [["--depp"], ["--only"], ["--format", "xml"], ["--fail-on=ok"]])
def test_a_flag_that_there_is_not_is_wrong_usage__C1_1(flags: list[str]):
    command = Command()
    command._called_from_command_line = True  # type: ignore[attr-defined]
    parser = command.create_parser("manage.py", DOCTOR)
    with pytest.raises(SystemExit) as refusal:
        parser.parse_args(flags)
    assert refusal.value.code == 2


def test_all_checks_can_be_listed():
    code, out = run(DOCTOR, "--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [check.id for check in CHECKS]
    listed = json.loads(run(DOCTOR, "--list", "--format=json")[1])
    assert [each["check"] for each in listed["checks"]] == [check.id for check in CHECKS]


def test_deep_asks_for_the_invariants():
    assert "invariants.hold" not in run(DOCTOR)[1]
    assert "invariants.hold" in run(DOCTOR, "--deep")[1]
    assert "invariants.hold" in run(DOCTOR, "--checksums")[1]


def test_a_project_that_the_system_checks_refuse_is_still_examined__C1_6(settings: Settings):
    settings.RINDLE = {"NONSENSE": 1}
    code, out = run(DOCTOR)
    assert code == 1
    assert "rindle.E001" in out
    assert "temp.folder" in out


def test_an_outage_is_told_without_a_traceback__C2_25():
    dead = {"DATABASE_URL": "postgres://nobody:secret@127.0.0.1:9/nowhere"}
    done = subprocess.run(
        [sys.executable, "-m", "django", DOCTOR],
        cwd=ROOT,
        env={**environment(**dead), "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stdout
    (line,) = [each for each in done.stdout.splitlines() if each.startswith("error")]
    assert "database.reachable" in line
    assert "refused" in line
