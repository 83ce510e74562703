"""``rindle_erase_owner``: dry unless told otherwise; what is no owner is refused first."""

from __future__ import annotations

import io
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from rindle_django.models import Attachment, Erasure
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.erasure.owners import owner_with, photo

pytestmark = pytest.mark.django_db(transaction=True)


def run(*args: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("rindle_erase_owner", *args, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def named(article: Article) -> str:
    return f"app.article:{article.pk}"


def test_it_is_dry_unless_told_otherwise():
    article = owner_with(Article, photo())
    code, text = run(named(article))
    assert code == 0
    assert "Dry run" in text
    assert "assets to purge: 1" in text
    assert Attachment.objects.count() == 1
    code, text = run(named(article), "--no-dry-run")
    assert code == 0
    assert "1 owners erased" in text
    drain_jobs()
    assert "objects confirmed gone: 5, waiting: 0" in run(named(article))[1]
    assert Erasure.objects.get().cause["command"] == "rindle_erase_owner"


def test_json_is_one_document():
    article = owner_with(Article, photo())
    code, text = run(named(article), "--format", "json")
    document = json.loads(text)
    assert (code, document["exit_code"], document["mode"]) == (0, 0, "preview")
    assert document["assets_to_purge"]["count"] == 1
    assert document["owners"][0]["owner"] == named(article)


@pytest.mark.parametrize("source", ["file", "-"])
def test_owners_from_a_file(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    articles = [owner_with(Article, photo()) for _ in range(2)]
    text = "# who left\n\n" + "\n".join(map(named, articles)) + "\n"
    path = tmp_path / "owners.txt"
    path.write_text(text)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    code, _ = run("--owners-file", "-" if source == "-" else str(path), "--no-dry-run")
    assert code == 0
    assert not Attachment.objects.exists()


def test_an_unknown_owner_is_an_exit_code_and_the_others_are_erased__C1_9():
    article = owner_with(Article, photo())
    code, text = run("app.article:999999", named(article), "--no-dry-run")
    assert code == 1
    assert "app.article:999999: unknown_owner" in text
    assert not Attachment.objects.exists()


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["app.nothing:1"],
        ["nonsense"],
        ["app.article:x"],
        ["--owners-file", "/nowhere/at/all"],
        ["--max-owners", "0"],
        ["--execute"],
        ["--upload"],
        ["--limit", "3"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_refused_before_anything_is_done__C1_9_C1_1(args: list[Any]):
    article = owner_with(Article, photo())
    with pytest.raises(CommandError) as refused:
        call_command(
            "rindle_erase_owner", *([named(article)] if args else []), "--no-dry-run", *args
        )
    assert refused.value.returncode in (1, 2)
    assert Attachment.objects.count() == 1


def test_a_file_that_is_no_text_is_refused(tmp_path: Path):
    path = tmp_path / "owners.bin"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CommandError) as refused:
        call_command("rindle_erase_owner", "--owners-file", str(path))
    assert refused.value.returncode == 2
