"""``rindle_repair``: dry unless told otherwise, and plain about what it is asked."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from rindle_django.models import Repair
from rindle_django.testing import drain_jobs
from tests.kit import fresh, ready
from tests.repair.rows import quarantined
from tests.repair.test_variants import broken

pytestmark = pytest.mark.django_db(transaction=True)


def run(*args: Any) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("rindle_repair", *args, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def refusal(*args: Any) -> tuple[int, str]:
    with pytest.raises(CommandError) as refused:
        run(*args)
    return refused.value.returncode, str(refused.value)


def test_it_is_dry_unless_told_otherwise():
    asset = broken(medium="failed")
    code, text = run("requeue", str(asset.pk))
    assert code == 0
    assert "Dry run" in text
    assert "variant medium: failed -> queued" in text
    assert fresh(asset).state == "degraded"
    run("requeue", str(asset.pk), "--no-dry-run")
    drain_jobs()
    assert fresh(asset).state == "ready"
    assert Repair.objects.get().cause == {"command": "rindle_repair", "repair": "requeue"}


def test_json_is_one_document():
    asset = quarantined()
    code, text = run("unquarantine", str(asset.pk), "--format", "json")
    document = json.loads(text)
    assert code == 0
    assert document["operation"] == "unquarantine"
    assert document["changes"]["state"] == {"from": "quarantined", "to": "validating"}
    assert document["exit_code"] == 0


def test_some_variants_can_be_named():
    asset = broken(medium="failed", large="failed")
    run("requeue", str(asset.pk), "--variant", "large", "--no-dry-run")
    drain_jobs()
    assert dict(asset.variants.values_list("name", "state"))["medium"] == "failed"


def test_a_corrupt_original_is_an_exit_code(media_folder: Path):
    asset = ready()
    assert asset.original is not None
    file = media_folder / asset.original.key
    original = file.read_bytes()
    file.write_bytes(b"x" * len(original))
    code, text = run("reprobe", str(asset.pk))
    assert code == 1
    assert "source_altered" in text
    assert "Restore the object" in text
    file.write_bytes(original)
    assert run("reprobe", str(asset.pk))[0] == 0


@pytest.mark.parametrize("asset", ["nonsense", "", "00000000-0000-4000-8000-000000000000"])
@pytest.mark.parametrize("verb", ["reprobe", "requeue", "cancel", "unquarantine"])
def test_an_asset_that_there_is_not_is_a_wrong_use__C2_30(verb: str, asset: str):
    assert refusal(verb, asset, "--no-dry-run") == (
        2,
        "There is no such asset, or it is not yours.",
    )


def test_a_variant_that_there_is_not_is_a_wrong_use():
    asset = broken(medium="failed")
    code, text = refusal("requeue", str(asset.pk), "--variant", "no-such")
    assert code == 2
    assert "no-such" in text


def test_a_variant_means_nothing_to_verbs_of_the_whole_asset():
    asset = ready()
    assert refusal("reprobe", str(asset.pk), "--variant", "thumb")[0] == 2


@pytest.mark.parametrize("args", [["--no-dry"], ["--limit", "3"], ["--variants", "thumb"]])
def test_unknown_flags_are_refused__C1_1(args: list[str]):
    with pytest.raises(CommandError, match="unrecognized arguments"):
        run("requeue", "00000000-0000-4000-8000-000000000000", *args)
