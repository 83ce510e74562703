"""``rindle_verify_storage`` as an operator meets it."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.kit import ready
from tests.verify_storage.scene import gallery, keys_in, lost, stray, unchanged, variant

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = ("--min-age=0", "--apart=0")


def run(*args: str) -> tuple[int, str]:
    """Exit code and output."""
    out = StringIO()
    try:
        call_command("rindle_verify_storage", "--storage=default", *args, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def counts(*args: str) -> dict[str, int]:
    return dict(json.loads(run("--format=json", *args)[1]))


def test_it_runs_dry_unless_told_otherwise():
    gallery()
    stray()
    with unchanged():
        code, said = run(*AT_ONCE)
    assert code == 0
    assert "Dry run: nothing was changed." in said
    assert "orphans_found: 1" in said


def test_two_runs_delete_and_mend():
    asset = ready()
    orphan = stray()
    lost(variant(asset).object)
    assert counts("--no-dry-run", "--regenerate", *AT_ONCE)["due"] == 0
    second = counts("--no-dry-run", "--regenerate", *AT_ONCE)
    assert (second["due"], second["objects_deleted"], second["variants_requeued"]) == (2, 1, 1)
    assert second["exit_code"] == 0
    assert orphan not in keys_in()


def test_its_own_caution_is_in_force_by_default():
    gallery()
    stray()
    assert counts("--no-dry-run")["orphans_found"] == 0


def test_it_exits_with_1_when_somebody_has_to_look():
    [asset] = gallery()
    lost(asset.original)
    assert run(*AT_ONCE)[0] == 1


def test_the_share_is_a_percentage():
    gallery()
    for _ in range(21):
        stray()
    for _ in range(2):
        code, _ = run("--no-dry-run", *AT_ONCE)
    assert code == 1
    assert counts("--no-dry-run", "--max-share=100", *AT_ONCE)["objects_deleted"] == 21


def test_the_plan_is_a_file_of_json_lines(tmp_path: Path):
    gallery()
    orphan = stray()
    run("--no-dry-run", *AT_ONCE)
    run(f"--plan={tmp_path / 'plan'}", *AT_ONCE)
    [line] = map(json.loads, (tmp_path / "plan").read_text().splitlines())
    assert set(line) == {"storage", "key", "finding", "first_seen", "action"}
    assert (line["storage"], line["key"], line["action"]) == ("default", orphan, "delete")


def test_a_plan_that_cannot_be_written_is_wrong_usage(tmp_path: Path):
    with pytest.raises(CommandError) as refusal:
        run(f"--plan={tmp_path / 'no' / 'folder'}")
    assert refusal.value.returncode == 2


def test_limit_and_from_start_are_passed_on():
    gallery()
    assert counts("--no-dry-run", "--limit=1", *AT_ONCE)["keys_listed"] == 1
    assert counts("--no-dry-run", "--limit=1", *AT_ONCE)["keys_listed"] == 1
    assert counts("--no-dry-run", "--from-start", *AT_ONCE)["keys_listed"] == 4
