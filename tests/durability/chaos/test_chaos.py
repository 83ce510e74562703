"""The chaos run as a part of the suite: a short one for real, and proof that the judge is awake."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from uuid import UUID

import pytest

from rindle_django import attach, upload
from rindle_django.media.decoder import Decoder
from rindle_django.models import Asset, Transition, Variant
from rindle_django.storage import adapter_for
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.durability.chaos import journal
from tests.durability.chaos.judge import Verdict, judge
from tests.durability.chaos.processes import decoders_of
from tests.kit import JPEG, fresh, named, promise

ROOT = Path(__file__).resolve().parents[3]
SUMMARY = re.compile(
    r"uploads: (\d+) kills: (\d+) lost: (\d+) leaked: (\d+) stuck: (\d+) duplicates: (\d+)"
)


def test_fifteen_seconds_of_chaos_cost_nothing():
    arguments = ["--minutes", "0.2", "--lease", "2", "--workers", "3", "--clients", "2"]
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.durability.chaos", *arguments],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = SUMMARY.fullmatch(done.stdout.splitlines()[-1])
    assert said is not None, done.stderr
    uploads, kills, *wrong = map(int, said.groups())
    assert wrong == [0, 0, 0, 0], done.stdout
    assert uploads >= 20
    assert kills >= 5
    assert re.search(r"Postgres restarts, \w+ +[1-9]", done.stdout)
    assert done.returncode == 0, done.stdout


# --- the judge, before systems that are broken on purpose ----------------------------------------


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this run's clients write down what they were told."""
    monkeypatch.setenv("CHAOS_FOLDER", str(tmp_path))
    for name in ("left", "default"):
        (tmp_path / name).mkdir()
    journal.forget()
    return tmp_path


def kept(room: Path) -> Asset:
    """A photo that a client was told is verified and attached."""
    asset = upload("photo", named(JPEG, "photo.jpg"))
    article = Article.objects.create()
    attach(article, "cover", asset)
    drain_jobs()
    journal.note(journal.HISTORY, "promised", asset.pk)
    journal.note(journal.HISTORY, "verified", asset.pk, hashlib.sha256(JPEG).hexdigest())
    journal.note(journal.HISTORY, "attached", asset.pk)
    return fresh(asset)


def path_of(asset: Asset, variant: str | None = None) -> Path:
    stored = asset.variants.get(name=variant).object if variant else asset.original
    assert stored is not None
    adapter = adapter_for(stored.storage)
    path: Path = adapter.path_of(stored.key)  # type: ignore[attr-defined]
    return path


def judged(room: Path) -> Verdict:
    return judge(room / "left")


def told(asset_id: UUID, variant: str, source: str, target: str) -> None:
    event = "rindle.variant.state_change" if variant else "rindle.asset.state_change"
    journal.note(journal.EVENTS, asset_id, event, variant, source, target)


judging = pytest.mark.django_db(transaction=True)


@judging
def test_where_nothing_is_broken_nothing_is_found(room: Path):
    asset = kept(room)
    told(asset.pk, "thumb", "processing", "ready")
    assert judged(room).clean


@judging
def test_a_lost_object_is_found(room: Path):
    path_of(kept(room)).unlink()
    verdict = judged(room)
    assert len(verdict.lost) == 1
    assert [each.invariant for each in verdict.violations] == ["present_exists"]


@judging
def test_bytes_that_are_not_those_that_were_sent_are_found(room: Path):
    path_of(kept(room)).write_bytes(JPEG[::-1])
    assert len(judged(room).lost) == 1


@judging
def test_a_missing_variant_is_found(room: Path):
    Variant.objects.filter(asset=kept(room), name="thumb").update(state="queued")
    verdict = judged(room)
    assert [each.split(" ")[:2] for each in verdict.lost] == [["variant", "thumb"]]
    assert len(verdict.stuck) == 1


@judging
def test_an_asset_that_is_not_there_any_more_is_found(room: Path):
    journal.note(journal.HISTORY, "verified", UUID(int=1), "")
    assert len(judged(room).lost) == 1


@judging
def test_an_attachment_that_is_not_there_any_more_is_found(room: Path):
    kept(room).attachments.all().delete()
    assert len(judged(room).lost) == 1


@judging
def test_what_its_client_has_begun_to_take_away_may_be_there_or_not(room: Path):
    asset = kept(room)
    path_of(asset).unlink()
    journal.note(journal.HISTORY, "leaving", asset.pk)
    assert judged(room).lost == []


@judging
def test_what_was_taken_away_and_is_still_there_is_found(room: Path):
    journal.note(journal.HISTORY, "left", kept(room).pk)
    # The asset, its original and its three variants.
    assert len(judged(room).leaked) == 5


@judging
def test_a_stray_file_is_found(room: Path):
    stray = path_of(kept(room)).with_name("stray.jpg")
    stray.write_bytes(b"nobody knows of it")
    verdict = judged(room)
    assert len(verdict.leaked) == 1
    assert [each.invariant for each in verdict.violations] == ["all_in_ledger"]


@judging
def test_a_working_copy_that_was_left_is_found(room: Path):
    (room / "left" / "rindle-work-1").mkdir()
    assert len(judged(room).leaked) == 1


@judging
def test_an_upload_that_nobody_ends_is_found(room: Path):
    promise()
    verdict = judged(room)
    assert len(verdict.leaked) == 1
    assert len(verdict.stuck) == 2  # the session, and the object that is expected


@judging
def test_a_second_output_is_found(room: Path):
    asset = kept(room)
    Variant.objects.filter(asset=asset, name="thumb").update(state="queued", object=None)
    assert len(judged(room).duplicates) == 1


@judging
def test_an_event_that_was_told_twice_is_found(room: Path):
    asset = kept(room)
    for _ in range(2):
        told(asset.pk, "thumb", "processing", "ready")
    assert len(judged(room).duplicates) == 1


@judging
def test_an_event_of_what_never_happened_is_found(room: Path):
    asset = kept(room)
    assert not Transition.objects.filter(asset_id=asset.pk, to_state="degraded").exists()
    told(asset.pk, "", "ready", "degraded")
    assert len(judged(room).duplicates) == 1


def test_a_decoder_that_lives_on_is_found(room: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    assert decoders_of(room) == []
    decoder = Decoder(1 << 30)
    decoder.await_ready()
    assert decoders_of(room) == [decoder.pid]
    decoder.close()
    assert decoders_of(room, patience=5) == []


@judging
def test_two_answers_to_one_upload_are_found(room: Path):
    journal.note(journal.HISTORY, "other answer", kept(room).pk)
    assert len(judged(room).duplicates) == 1
