"""What all commands share: flags, exit codes, one document of JSON, one run at a time."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import connection, connections

from rindle_django.errors import TransientFailure
from rindle_django.management.alone import alone
from rindle_django.management.base import ReportingCommand
from rindle_django.models import UploadSession
from tests.commands.running import all_that_is_shown, json_of, on_a_terminal, run
from tests.crowd import holding
from tests.jobs.worker import PATIENCE, wait_for
from tests.kit import JPEG, arrive
from tests.purge.test_cleanup import begun, time_runs_out

pytestmark = pytest.mark.django_db(transaction=True)


def commands() -> dict[str, ReportingCommand]:
    """All of ours that are made of the common base."""
    ours = [name for name in sorted(get_commands()) if name.startswith("rindle_")]
    found = {name: load_command_class("rindle_django", name) for name in ours}
    return {name: each for name, each in found.items() if isinstance(each, ReportingCommand)}


COMMANDS = sorted(commands())
# Those that a timer may start without an argument.
HOUSEKEEPING = [
    "rindle_abort_incomplete_uploads",
    "rindle_backfill_metadata",
    "rindle_cleanup_orphans",
    "rindle_plan",
    "rindle_receipts",
    "rindle_reconcile",
    "rindle_regenerate_variants",
    "rindle_sweep_temp_files",
    "rindle_verify_storage",
]
CHANGING = [name for name in HOUSEKEEPING if commands()[name].changes]
BY_PROFILE = [name for name, command in commands().items() if command.by_profile]
LIMITED = [name for name, command in commands().items() if command.limited]


@pytest.fixture(autouse=True)
def _folders(media_folder: Path) -> None:
    """A storage that is not there is a finding."""
    media_folder.mkdir()
    (media_folder.parent / "public").mkdir()


def overdue(count: int) -> list[UploadSession]:
    for _ in range(count):
        begun()
    time_runs_out()
    return list(UploadSession.objects.select_related("asset").order_by("pk"))


# --- flags -------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("typo", ["--profil=photo", "--dry-rum", "--limt=3", "--live", "extra"])
def test_a_typo_is_refused_and_nothing_is_done__C1_1(command: str, typo: str):
    sessions = overdue(1)
    with pytest.raises(CommandError):
        call_command(command, typo)
    assert UploadSession.objects.get().state == sessions[0].state


@pytest.mark.parametrize("command", LIMITED)
@pytest.mark.parametrize("limit", ["0", "-1", "2h", ""])
def test_a_limit_is_at_least_one__C1_1(command: str, limit: str):
    with pytest.raises(CommandError, match="at least 1"):
        call_command(command, f"--limit={limit}")


@pytest.mark.parametrize("command", BY_PROFILE)
def test_unknown_profile_is_refused__C1_1(command: str):
    said = run(command, "--profile=photo", "--profile=phto")
    assert said.code == 2
    assert "'phto'" in said.err
    assert "Registered: " in said.err
    assert json_of(command, "--profile=phto") == {
        "error": "unknown_profile",
        "message": said.err,
        "exit_code": 2,
    }


@pytest.mark.parametrize("command", CHANGING)
def test_all_that_changes_can_be_previewed__C1_3(command: str):
    usage = commands()[command].create_parser("manage.py", command).format_help()
    assert "--dry-run" in usage
    assert "--no-dry-run" in usage


def test_profiles_narrow_what_is_done():
    overdue(1)
    assert json_of("rindle_abort_incomplete_uploads", "--profile=plain")["sessions_found"] == 0
    found = json_of("rindle_abort_incomplete_uploads", "--profile=plain", "--profile=photo")
    assert found["sessions_aborted"] == 1
    assert json_of("rindle_cleanup_orphans", "--profile=plain")["assets_found"] == 0
    assert json_of("rindle_cleanup_orphans", "--profile=photo")["assets_found"] == 1


@pytest.mark.parametrize("command", ["rindle_cleanup_orphans", "rindle_verify_storage"])
def test_a_storage_that_there_is_not_does_not_look_like_a_clean_one__C1_5(command: str):
    said = run(command, "--storage=defualt")
    assert said.code == 2
    assert "'defualt'" in said.err


# --- reports -----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", HOUSEKEEPING)
def test_every_command_says_its_exit_code_in_one_document(command: str):
    said = run(command, "--format=json")
    assert said.document["exit_code"] == said.code == 0


def test_a_preview_counts_what_would_be_done__C1_3():
    overdue(2)
    preview = json_of("rindle_abort_incomplete_uploads", "--dry-run")
    assert (preview["sessions_found"], preview["sessions_aborted"]) == (2, 0)
    assert (
        "Dry run: nothing was changed." in run("rindle_abort_incomplete_uploads", "--dry-run").out
    )
    assert {each.state for each in UploadSession.objects.all()} == {"initialized"}
    assert json_of("rindle_abort_incomplete_uploads")["sessions_aborted"] == 2


def test_what_could_not_be_done_is_exit_code_1(monkeypatch: pytest.MonkeyPatch):
    """Time mends it: that is not wrong usage."""

    def balk(*_args: Any, **_options: Any) -> None:
        raise TransientFailure("storage_unavailable", alias="a", operation="stat", detail="503")

    command = load_command_class("rindle_django", "rindle_reconcile")
    monkeypatch.setattr(command, "work", balk)
    with pytest.raises(CommandError) as refusal:
        call_command(command)
    assert refusal.value.returncode == 1


# --- what the database refuses -----------------------------------------------------------------


@contextmanager
def read_only() -> Iterator[None]:
    """All connections of this process as those to a replica are."""
    connection.close()
    options = connection.settings_dict["OPTIONS"]
    connection.settings_dict["OPTIONS"] = {
        **options,
        "options": "-c default_transaction_read_only=on",
    }
    try:
        yield
    finally:
        connection.settings_dict["OPTIONS"] = options
        connection.close()


@pytest.mark.parametrize("command", CHANGING)
def test_a_replica_is_no_place_for_changes(command: str):
    sessions = overdue(1)
    with read_only():
        said = run(command, "--no-dry-run")
        assert said.code == 2
        assert "read-only; is it a replica?" in said.err
        assert run(command, "--dry-run").code == 0
    assert UploadSession.objects.get().state == sessions[0].state


@pytest.mark.parametrize("command", [n for n in HOUSEKEEPING if not commands()[n].changes])
def test_a_replica_will_do_for_looking(command: str):
    with read_only():
        assert run(command).code == 0


@pytest.fixture
def _stranger() -> Iterator[None]:
    """The database's user without the right to read our tables."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE rindle_stranger")
        cursor.execute("SET ROLE rindle_stranger")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("DROP ROLE rindle_stranger")


@pytest.mark.usefixtures("_stranger")
def test_a_missing_right_is_told_without_a_traceback():
    said = run("rindle_receipts")
    assert said.code == 2
    assert "may not do this: permission denied for table rindle_storedobject." in said.err


def test_missing_tables_are_told_with_the_remedy():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rindle_storedobject RENAME TO elsewhere")
    try:
        said = run("rindle_receipts")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO rindle_storedobject")
    assert said.code == 2
    assert "Run 'manage.py migrate'" in said.err


def test_a_database_that_is_away_is_told():
    connection.close()
    port = connection.settings_dict["PORT"]
    connection.settings_dict["PORT"] = 1
    try:
        said = run("rindle_receipts")
    finally:
        connection.settings_dict["PORT"] = port
    assert said.code == 1
    assert "The database did not answer" in said.err


# --- one at a time -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", CHANGING)
def test_a_second_run_at_once_does_nothing_and_says_so(command: str):
    sessions = overdue(1)
    with alone(command):
        said = run(command, "--no-dry-run")
        assert said.code == 1
        assert f"Another {command} is running on this database (Postgres process " in said.err
        assert json_of(command, "--no-dry-run")["error"] == "already_running"
        assert UploadSession.objects.get().state == sessions[0].state
        assert run(command, "--dry-run").code == 0
    assert run(command, "--no-dry-run").code == 0


def test_different_commands_do_not_wait_for_each_other():
    overdue(1)
    with alone("rindle_cleanup_orphans"):
        assert json_of("rindle_abort_incomplete_uploads")["sessions_aborted"] == 1


def test_a_killed_run_leaves_no_lock_behind():
    sessions = overdue(2)
    with (
        holding(sessions[0].asset_id),
        on_a_terminal("rindle_abort_incomplete_uploads") as (process, _),
    ):
        wait_for("the upload", blocked)
        assert run("rindle_abort_incomplete_uploads").code == 1
        process.kill()
        process.wait(PATIENCE)
    wait_for("its end", lambda: run("rindle_abort_incomplete_uploads").code == 0)
    assert {each.state for each in UploadSession.objects.all()} == {"expired"}


# --- progress and Ctrl-C -----------------------------------------------------------------------


def blocked() -> bool:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def test_ctrl_c_says_how_far_it_came_and_the_next_run_goes_on():
    sessions = overdue(3)
    with on_a_terminal("rindle_abort_incomplete_uploads") as (process, terminal):
        with holding(sessions[1].asset_id):
            # What nobody holds is done at once, and only then is waited for what somebody does.
            wait_for("the second upload", blocked)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
        shown = all_that_is_shown(terminal)
    assert "Interrupted after 2 uploads." in shown
    assert "run it again to go on" in shown
    assert "Traceback" not in shown
    assert [s.state for s in UploadSession.objects.order_by("pk")].count("expired") == 2
    assert json_of("rindle_abort_incomplete_uploads")["sessions_aborted"] == 1


def test_ctrl_c_in_json_is_one_document():
    sessions = overdue(1)
    name = "rindle_abort_incomplete_uploads"
    with on_a_terminal(name, "--format=json") as (process, _):
        with holding(sessions[0].asset_id):
            wait_for("the upload", blocked)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
        assert process.stdout is not None
        said = process.stdout.read().decode()
    assert said == '{"interrupted": true, "done": 0, "exit_code": 130}\n'


def test_progress_is_shown_on_a_terminal_and_nowhere_else():
    sessions = overdue(3)
    with on_a_terminal("rindle_abort_incomplete_uploads") as (process, terminal):
        with holding(sessions[2].asset_id):
            wait_for("the third upload", blocked)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.3)")
        assert process.wait(PATIENCE) == 0
        shown = all_that_is_shown(terminal)
        assert process.stdout is not None
        assert b"sessions_aborted: 3" in process.stdout.read()
    assert "3 uploads, " in shown
    assert shown.endswith("\r\x1b[K")
    overdue(1)
    assert run("rindle_abort_incomplete_uploads").err == ""


def test_receipts_are_one_document_if_that_is_asked_for():
    arrive(JPEG)
    assert run("rindle_receipts", "--format=json").document == {"receipts": [], "exit_code": 0}
