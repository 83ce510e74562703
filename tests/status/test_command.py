"""``rindle_runtime_status`` as an operator, a cron job and a terminal meet it."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from django.db import connection

from rindle_django import jobs
from rindle_django.operations.status.kinds import NAMES
from rindle_django.testing import Recorder
from tests.doctor.signs import job, run
from tests.jobs.worker import ROOT, environment
from tests.rows import variant_in

pytestmark = pytest.mark.django_db(transaction=True)
STATUS = "rindle_runtime_status"
FAILED_COUNT = re.compile(r"variant +(\d+) failed")


def test_a_report_for_people_names_rows_and_remedies__C1_7():
    variant = variant_in("failed", reason_code="image_truncated")
    job(jobs.PROCESS, waits=300)
    code, out = run(STATUS)
    assert code == 0
    lines = [line.strip() for line in out.splitlines()]
    at = lines.index("failed variant: 1 (image_truncated), oldest 0 seconds")
    assert lines[at + 1] == "-> rindle_repair requeue <asset> --no-dry-run"
    assert lines[at + 2] == f"{variant.asset_id}:thumb"
    assert "variant  1 failed" in lines
    assert any(line.split()[:3] == ["rindle_process", "1", "0"] for line in lines)


def test_findings_can_page_somebody_and_hold_up_a_deployment__C1_7():
    assert run(STATUS, "--fail-on", *NAMES)[0] == 0
    variant_in("failed")
    assert run(STATUS)[0] == 0
    assert run(STATUS, "--fail-on", "stuck", "backlog")[0] == 0
    assert run(STATUS, "--fail-on", "failed")[0] == 1


def test_one_document_for_machines():
    variant_in("failed")
    code, out = run(STATUS, "--format=json", "--fail-on=failed", "--limit=1", "--profile=photo")
    document = json.loads(out)
    assert (code, document["exit_code"], document["profile"]) == (1, 1, "photo")
    assert document["findings"][0]["kind"] == "failed"
    assert [each["queue"] for each in document["queues"]] == list(jobs.QUEUES)
    assert document["counts"]["variant"] == {"failed": 1}


@pytest.mark.parametrize(
    ("flags", "reason", "mode"),
    [
        (["--profile", "nobody"], "unknown_profile", "text"),
        (["--profile", "nobody", "--format", "json"], "unknown_profile", "json"),
        (["--older-than", "-1"], "filter_invalid", "text"),
        (["--older-than", "1e99"], "filter_invalid", "text"),
        (["--limit", "0"], "filter_invalid", "text"),
        (["--limit", "2.5"], "filter_invalid", "text"),
        (["--format", "yaml"], "filter_invalid", "other"),
    ],
)
def test_an_impossible_filter_is_wrong_usage_and_told_of__C1_1(
    flags: list[str], reason: str, mode: str, events: Recorder
):
    code, out = run(STATUS, *flags)
    assert code == 2
    if mode == "json":
        document, _ = json.JSONDecoder().raw_decode(out)
        assert (document["error"], document["exit_code"]) == (reason, 2)
    assert events.named("rindle.runtime.refusal") == [
        {"surface": "runtime_status", "reason": reason, "mode": mode}
    ]


@pytest.mark.parametrize(
    "flags",
    [["--profil=photo", "--x"], ["--older-than=soon"], ["--fail-on=everything"], ["--watch=0"]],
)
def test_flags_that_there_are_not_are_wrong_usage__C1_1(flags: list[str]):
    assert _process(*flags) == 2


def _process(*flags: str, **extra: str) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "django", STATUS, *flags],
        cwd=ROOT,
        env={**environment(**extra), "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode


def test_an_outage_is_an_error_without_a_traceback__C2_25():
    assert _process(DATABASE_URL="postgres://nobody@127.0.0.1:9/nowhere") == 1


def test_a_connection_that_may_only_read_is_enough():
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        try:
            assert run(STATUS)[0] == 0
        finally:
            cursor.execute("SET default_transaction_read_only = off")


class Terminal:
    """A pseudo-terminal with the command running in it."""

    def __init__(self, *flags: str) -> None:
        self.screen, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "django", STATUS, *flags],
            cwd=ROOT,
            env={**environment(), "DJANGO_SETTINGS_MODULE": "tests.settings", "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def read_until(self, pattern: str, patience: float = 30) -> None:
        deadline = time.monotonic() + patience
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, self.seen
            if select.select([self.screen], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.screen, 65536).decode()
                except OSError:  # the other end is closed
                    return

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(20)
        self.read_until(r"never to be seen|\x1b\[\?25h", 5)
        os.close(self.screen)
        return code


def test_watching_refreshes_in_place_and_ends_cleanly():
    terminal = Terminal("--watch", "0.2")
    try:
        terminal.read_until(r"variant +none")
        variant_in("failed")
        terminal.read_until(FAILED_COUNT.pattern)
    finally:
        code = terminal.end()
    assert code == 0
    assert terminal.seen.count("\x1b[H") > 1
    assert terminal.seen.startswith("\x1b[?25l")
    assert terminal.seen.rstrip().endswith("\x1b[?25h")
    assert "Traceback" not in terminal.seen
