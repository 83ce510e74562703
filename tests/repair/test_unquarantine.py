"""Unquarantine: the only way out, by wish alone, and through every check again."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

import rindle_django
from rindle_django import attach, attached, verify_upload
from rindle_django.errors import RequestRefused, TransientFailure
from rindle_django.lifecycle import locked, transition
from rindle_django.models import Asset, Repair, Transition, UploadSession
from rindle_django.operations import cleanup
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.operations.reconcile import reconcile
from rindle_django.operations.repair import cancel, reprobe, requeue, unquarantine
from rindle_django.processing import process_variant
from rindle_django.processing.aggregate import settle_asset
from rindle_django.promotion import promote
from rindle_django.purge import discard, purge
from rindle_django.states import ASSET
from rindle_django.testing import drain_jobs
from rindle_django.uploads import expire_session
from rindle_django.uploads.verify import verify_session
from tests.app.media import Photo
from tests.app.models import Article
from tests.crowd import Somebody, holding, wait_until_blocked
from tests.jobs.queue import grace_passes
from tests.kit import (
    edges,
    files_in,
    fresh,
    ledger_keys,
    picture,
    promise,
    queued_jobs,
    ready,
    refused,
    settle,
    stage,
    variant_states,
)
from tests.repair.rows import everything, quarantined
from tests.rows import asset_in
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)
PACKAGE = Path(rindle_django.__file__).parent


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many pixels the profile allows."""

    def allow(pixels: int) -> None:
        monkeypatch.setattr(Photo, "max_pixels", pixels)

    return allow


def reported() -> Asset:
    """A ready asset that somebody quarantined."""
    asset = ready()
    with locked(asset.pk) as current:
        assert transition(current, "quarantined", reason_code="reported", wake_at=None)
    return fresh(asset)


def at_rest() -> None:
    for asset in Asset.objects.all():
        settle(asset.pk)
    for _ in range(2):
        grace_passes()
        reconcile()
        drain_jobs(early=True)


def test_what_the_profile_allows_by_now_becomes_ready(
    strict: Callable[[int], None], media_folder: Path
):
    strict(100)
    asset = quarantined(picture())
    assert asset.reason_code == "pixels_exceeded"
    strict(10_000_000)
    report = unquarantine(asset.pk)
    assert report.result == "changed"
    assert report.changes == {
        "state": {"from": "quarantined", "to": "validating"},
        "reason_code": {"from": "pixels_exceeded", "to": ""},
    }
    drain_jobs()
    assert fresh(asset).state == "ready"
    assert "quarantined>validating" in edges(asset)
    at_rest()
    assert files_in(media_folder) == ledger_keys("present")


def test_nothing_is_waived_what_still_breaks_the_profile_is_quarantined_again():
    asset = quarantined()
    reason = asset.reason_code
    unquarantine(asset.pk)
    assert fresh(asset).state == "validating"
    drain_jobs()
    assert (fresh(asset).state, fresh(asset).reason_code) == ("quarantined", reason)
    unquarantine(asset.pk)
    drain_jobs()
    assert fresh(asset).state == "quarantined"


def test_an_asset_whose_workers_died_gets_its_tries_again():
    asset = quarantined()
    Asset.objects.filter(pk=asset.pk).update(attempts=3, reason_code="worker_lost")
    unquarantine(asset.pk)
    found = fresh(asset)
    assert (found.attempts, found.fence) == (0, asset.fence + 1)
    assert found.wake_at is not None
    drain_jobs()


def test_what_was_ready_before_is_promoted_from_its_frozen_bytes(media_folder: Path):
    asset, article = reported(), Article.objects.create()
    digest = asset.sha256
    unquarantine(asset.pk)
    drain_jobs()
    found = fresh(asset)
    assert (found.state, found.sha256) == ("ready", digest)
    assert found.original_id != asset.original_id
    assert set(variant_states(asset).values()) == {"ready"}
    attach(article, "cover", asset)
    assert attached(article, "cover") is not None
    at_rest()
    assert files_in(media_folder) == ledger_keys("present")


def test_variants_that_were_due_when_it_was_quarantined_are_made_after_all(media_folder: Path):
    asset = reported()
    with locked(asset.pk) as current:
        for variant in current.variants.filter(name="thumb"):
            variant.asset = current
            transition(variant, "queued", wake_at=None)
    dry = unquarantine(asset.pk, dry_run=True)
    report = unquarantine(asset.pk)
    assert report.changes["variant thumb"] == {"from": "queued", "to": "cancelled"}
    assert (dry.changes, dry.variants) == (report.changes, ["thumb"])
    assert variant_states(asset)["thumb"] == "cancelled"
    drain_jobs()
    assert fresh(asset).state == "ready"
    at_rest()
    assert files_in(media_folder) == ledger_keys("present")


def test_frozen_bytes_that_are_not_what_they_were_are_not_let_out(media_folder: Path):
    asset = reported()
    assert asset.original is not None
    file = media_folder / asset.original.key
    original = file.read_bytes()
    file.write_bytes(picture(640, 480, quality=30).ljust(len(original), b"\0"))
    unquarantine(asset.pk)
    drain_jobs()
    assert fresh(asset).state == "quarantined"
    assert fresh(asset).reason_code == "checksum_mismatch"
    file.write_bytes(original)
    unquarantine(asset.pk)
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_a_dry_run_writes_nothing():
    asset = quarantined()
    before = everything()
    assert unquarantine(asset.pk, dry_run=True).result == "changed"
    assert everything() == before


def test_it_is_on_record_who_wished_it__D10():
    asset = quarantined()
    unquarantine(asset.pk)
    assert Repair.objects.get().operation == "unquarantine"
    step = Transition.objects.get(subject="asset", from_state="quarantined")
    assert step.cause == {"repair": "unquarantine"}
    drain_jobs()


@pytest.mark.parametrize("state", [each for each in ASSET.states if each != "quarantined"])
@pytest.mark.bare_rows
def test_only_what_is_quarantined_can_be_let_out_and_nothing_is_resurrected__D8(state: str):
    asset = asset_in(state)
    with refused("asset_not_quarantined"):
        unquarantine(asset.pk)
    assert fresh(asset).state == state
    assert not Repair.objects.exists()


@pytest.mark.bare_rows
def test_bytes_that_are_gone_cannot_be_let_out(media_folder: Path):
    asset = quarantined()
    for key in files_in(media_folder):
        (media_folder / key).unlink()
    with refused("bytes_gone"):
        unquarantine(asset.pk)
    assert fresh(asset).state == "quarantined"


@pytest.mark.bare_rows
def test_an_upload_that_never_arrived_has_no_bytes_to_let_out():
    asset = Asset.objects.get(pk=promise().asset_id)
    with locked(asset.pk) as current:
        transition(current, "quarantined")
    with refused("bytes_gone"):
        unquarantine(asset.pk)


def test_a_storage_that_does_not_answer_is_not_taken_for_lost_bytes(sky: Sky):
    asset = quarantined()
    sky.break_down("stat")
    with pytest.raises(TransientFailure):
        unquarantine(asset.pk)
    sky.clear_up()
    assert fresh(asset).state == "quarantined"


def test_of_two_who_let_it_out_one_is_told_that_it_is_out():
    asset = quarantined()
    with holding(asset.pk):
        crowd = [Somebody(lambda: unquarantine(asset.pk)) for _ in range(2)]
        wait_until_blocked(2)
    answers = [each.answer() for each in crowd]
    refusals = [each for each in answers if isinstance(each, RequestRefused)]
    assert [each.code for each in refusals] == ["asset_not_quarantined"]
    assert len(queued_jobs("rindle:promote_asset")) == 1
    drain_jobs()


def test_what_is_discarded_while_it_is_let_out_stays_discarded__D8():
    asset = quarantined()
    with holding(asset.pk):
        somebody = Somebody(lambda: unquarantine(asset.pk))
        wait_until_blocked()
        discard(asset.pk)
    error = somebody.answer()
    assert isinstance(error, RequestRefused)
    assert error.code == "asset_not_quarantined"
    settle(asset.pk)
    drain_jobs(early=True)


def test_a_cleanup_that_was_on_its_way_does_not_take_what_was_let_out_meanwhile(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    settings.RINDLE = {**settings.RINDLE, "QUARANTINE_TTL": 0}
    asset = quarantined()
    count = cleanup._count

    def meanwhile(batch: Sequence[cleanup.Orphan], report: Any) -> None:
        count(batch, report)
        for found in batch:
            unquarantine(found.id)

    monkeypatch.setattr(cleanup, "_count", meanwhile)
    cleanup_orphans(dry_run=False)
    assert fresh(asset).state == "validating"
    drain_jobs()
    assert fresh(asset).state == "quarantined"


# --- nothing computed leads out ------------------------------------------------------------------


def _settled(asset: Asset) -> None:
    with locked(asset.pk) as current:
        settle_asset(current)


def _verified(asset: Asset) -> None:
    verify_session(UploadSession.objects.select_related("asset", "staging").get(asset=asset))


def _expired(asset: Asset) -> None:
    expire_session(UploadSession.objects.select_related("asset").get(asset=asset))


def _reconciled() -> None:
    grace_passes()
    reconcile()
    drain_jobs(early=True)


def _to_every_state(asset: Asset) -> None:
    for state in ASSET.states:
        if state not in ("quarantined", "deleted"):
            assert not transition(fresh(asset), state)


COMPUTED: dict[str, Callable[[Asset], object]] = {
    "promote": lambda asset: promote(str(asset.pk)),
    "process": lambda asset: process_variant(str(asset.pk), "thumb"),
    "settle": _settled,
    "verify": _verified,
    "expire": _expired,
    "reconcile": lambda _: _reconciled(),
    "abort": lambda _: abort_incomplete_uploads(),
    "cleanup": lambda _: cleanup_orphans(dry_run=False),
    "purge": lambda asset: purge(asset.pk),
    "requeue": lambda asset: requeue(asset.pk),
    "cancel": lambda asset: cancel(asset.pk),
    "reprobe": lambda asset: reprobe(asset.pk),
    "attach": lambda asset: attach(Article.objects.create(), "cover", asset),
    "any transition that names no source": _to_every_state,
}


@pytest.mark.parametrize("path", COMPUTED)
@pytest.mark.parametrize("origin", ["refused", "reported"])
def test_no_computed_path_leads_out_of_quarantine__D1(path: str, origin: str):
    asset = quarantined() if origin == "refused" else reported()
    Asset.objects.filter(pk=asset.pk).update(wake_at=asset.updated_at)
    with suppress(RequestRefused):  # a refusal leads nowhere
        COMPUTED[path](asset)
    assert fresh(asset).state == "quarantined"
    Asset.objects.filter(pk=asset.pk).update(wake_at=None)


@pytest.mark.bare_rows
def test_an_upload_that_is_verified_after_its_quarantine_stays_there__D1():
    ticket = promise()
    asset = Asset.objects.get(pk=ticket.asset_id)
    with locked(asset.pk) as current:
        transition(current, "quarantined", reason_code="reported")
    stage(asset.pk, picture(64, 48))
    assert verify_upload(ticket.ticket).state == "quarantined"
    drain_jobs()
    assert fresh(asset).state == "quarantined"


def test_only_the_verb_names_quarantine_as_a_source():
    naming = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword)
        and node.arg == "only_from"
        and "quarantined" in ast.unparse(node.value)
    }
    assert naming == {"operations/repair/quarantine.py"}


def test_a_rolled_back_wish_is_none():
    asset = quarantined()
    with pytest.raises(Exception, match="inside a database transaction"), transaction.atomic():
        unquarantine(asset.pk)
    assert fresh(asset).state == "quarantined"
