"""Purge: rows go when the storage has confirmed that the bytes are gone, and not before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F
from django.db.models.functions import Now

from rindle_django import attach, detach, discard
from rindle_django.errors import TransientFailure
from rindle_django.models import (
    Asset,
    Attachment,
    ProcessingRun,
    StoredObject,
    UploadSession,
    Variant,
)
from rindle_django.operations.reconcile import reconcile
from rindle_django.purge import purge, purge_or_raise
from rindle_django.storage import adapter_for
from rindle_django.storage.base import Deletion
from rindle_django.testing import JobOutcome, Recorder, drain_jobs
from tests.app.models import Article
from tests.jobs.queue import forget_jobs, grace_passes
from tests.kit import edges, files_in, fresh, ledger_keys, queued_jobs, ready
from tests.stock import stock
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)
PURGE = "rindle:purge_storage"


def doomed_asset() -> Asset:
    """A ready asset whose only attachment was just detached."""
    asset, article = ready(), Article.objects.create()
    attach(article, "cover", asset)
    detach(article, "cover")
    return asset


def thumb_of(asset: Asset) -> str:
    return StoredObject.objects.get(published_as__asset=asset, published_as__name="thumb").key


def purge_runs(outcomes: list[JobOutcome]) -> list[BaseException | None]:
    return [outcome.error for outcome in outcomes if outcome.task == PURGE]


def a_round_later() -> None:
    """Time passes: what was put off until the next round of tries is due now."""
    StoredObject.objects.filter(wake_at__isnull=False).update(
        wake_at=F("wake_at") - timedelta(hours=1), settles_at=F("settles_at") - timedelta(hours=1)
    )


def test_rows_end_with_the_last_byte_and_receipts_remain(media_folder: Path):
    asset = doomed_asset()
    drain_jobs()
    for model in (Asset, Variant, UploadSession, Attachment, ProcessingRun):
        assert not model._default_manager.exists()
    assert files_in(media_folder) == set()
    receipts = StoredObject.objects.filter(asset_id=asset.pk)
    assert set(receipts.values_list("state", flat=True)) == {"gone"}
    assert sorted(receipts.values_list("purpose", flat=True)) == [
        "original",
        "staging",
        "variant",
        "variant",
        "variant",
    ]
    assert not receipts.filter(gone_at__isnull=True).exists()


def test_history_outlives_the_asset():
    asset = doomed_asset()
    drain_jobs()
    assert edges(asset)[-1] == "ready>deleted"
    assert sorted(edges(asset, "variant"))[-3:] == ["ready>purged"] * 3


def test_purge_keeps_rows_the_storage_did_not_confirm__W1_2(sky: Sky, media_folder: Path):
    asset = doomed_asset()
    before = files_in(media_folder)
    sky.break_down("delete")
    drain_jobs()
    assert fresh(asset).state == "deleted"
    assert files_in(media_folder) == before == ledger_keys("doomed")
    kept = StoredObject.objects.filter(state="doomed")
    assert set(kept.values_list("reason_code", flat=True)) == {"storage_unavailable"}
    assert not kept.filter(wake_at__isnull=True).exists()


def test_a_failing_deletion_is_tried_three_times_a_round_and_again_the_next__W1_2(
    sky: Sky, media_folder: Path
):
    doomed_asset()
    sky.break_down("delete")
    first = purge_runs(drain_jobs(early=True))
    assert [type(error) for error in first] == [TransientFailure] * 3
    assert reconcile().objects == 0  # not before the pause is over
    a_round_later()
    assert reconcile().objects == 4
    assert len(purge_runs(drain_jobs(early=True))) == 3
    sky.clear_up()
    a_round_later()
    reconcile()
    assert purge_runs(drain_jobs(early=True)) == [None]
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


def test_objects_that_went_are_not_deleted_again_with_those_that_stayed__W1_2(
    sky: Sky, media_folder: Path
):
    asset = doomed_asset()
    stubborn = media_folder / thumb_of(asset)
    folder = stubborn.parent
    stubborn.unlink()
    stubborn.mkdir()
    (stubborn / "held").write_bytes(b"")  # a folder that is no object, and cannot be replaced
    drain_jobs()
    assert {key.split("/")[0] for key in files_in(media_folder)} == {"variants"}
    (stubborn / "held").unlink()
    stubborn.rmdir()
    assert list(folder.iterdir()) == []
    a_round_later()
    reconcile()
    drain_jobs(early=True)
    assert not Asset.objects.exists()


def test_a_partial_answer_keeps_exactly_what_was_not_confirmed__W1_2(
    sky: Sky, monkeypatch: pytest.MonkeyPatch
):
    asset = doomed_asset()
    adapter = adapter_for("default")
    whole, thumb = adapter.delete, thumb_of(asset)

    def reluctant(keys: list[str]) -> Deletion:
        done = whole([key for key in keys if key != thumb])
        return Deletion(done.confirmed, {thumb: "storage_unavailable"})

    monkeypatch.setattr(adapter, "delete", reluctant)
    assert purge(asset.pk).kept == 1
    assert ledger_keys("doomed") == {thumb}
    assert fresh(asset).state == "deleted"
    monkeypatch.undo()
    assert purge(asset.pk).dropped


def test_an_absent_object_counts_as_deleted(media_folder: Path):
    asset = doomed_asset()
    for key in files_in(media_folder):
        (media_folder / key).unlink()
    report = purge(asset.pk)
    assert (report.deleted, report.kept, report.dropped) == (4, 0, True)


def test_an_outage_of_the_whole_folder_is_not_taken_for_absence__W1_2(media_folder: Path):
    asset = doomed_asset()
    away = media_folder.rename(media_folder.with_name("unmounted"))
    with pytest.raises(TransientFailure):
        purge_or_raise(asset.pk)
    assert fresh(asset).state == "deleted"
    assert len(ledger_keys("doomed")) == 4
    away.rename(media_folder)
    assert purge(asset.pk).dropped


def test_each_object_is_deleted_in_its_own_storage__W1_15_U9(tmp_path: Path):
    private, public = ready(), ready(profile="open")
    for asset in (private, public):
        discard(asset.pk)
    assert files_in(tmp_path / "public")
    drain_jobs()
    assert not Asset.objects.exists()
    assert files_in(tmp_path / "default") == files_in(tmp_path / "public") == set()


def test_an_outage_of_one_storage_does_not_hold_up_another__W1_15(sky: Sky, tmp_path: Path):
    private, public = ready(), ready(profile="open")
    for asset in (private, public):
        discard(asset.pk)
    sky.break_down("delete")
    drain_jobs()
    assert fresh(private).state == "deleted"
    assert not Asset.objects.filter(pk=public.pk).exists()
    assert files_in(tmp_path / "public") == set()


def test_purging_twice_is_the_same_as_once():
    asset = doomed_asset()
    assert purge(asset.pk).deleted == 4
    again = purge(asset.pk)
    assert (again.deleted, again.kept, again.dropped) == (0, 0, False)


def test_a_purge_that_nobody_asked_for_deletes_nothing(media_folder: Path):
    asset = ready()
    assert purge(asset.pk).deleted == 0
    assert fresh(asset).state == "ready"
    assert len(files_in(media_folder)) == 4


def test_discard_refuses_what_is_attached():
    asset = ready()
    attach(Article.objects.create(), "cover", asset)
    assert discard(asset.pk) is False
    assert fresh(asset).state == "ready"


def test_discard_is_done_once():
    asset = ready()
    assert [discard(asset.pk), discard(asset.pk)] == [True, False]
    assert queued_jobs(PURGE)[-1]["asset_id"] == str(asset.pk)


def test_one_delete_call_serves_a_whole_asset__W1_21(sky: Sky):
    asset = doomed_asset()
    sky.calls.clear()
    purge(asset.pk)
    assert sky.calls["delete"] == 1


def test_an_object_is_not_deleted_while_somebody_may_still_write_it(media_folder: Path):
    asset = ready()
    StoredObject.objects.filter(asset=asset, purpose="original").update(
        settles_at=Now() + timedelta(minutes=10)
    )
    discard(asset.pk)
    drain_jobs()
    (kept,) = ledger_keys("doomed")
    assert files_in(media_folder) == {kept}
    assert kept.startswith("originals/")
    assert fresh(asset).state == "deleted"
    a_round_later()
    assert reconcile().objects == 1
    drain_jobs()
    assert not Asset.objects.exists()


def test_a_purge_whose_job_was_lost_is_rung_for_again(media_folder: Path):
    asset = doomed_asset()
    forget_jobs()
    grace_passes()
    reconcile()
    assert queued_jobs(PURGE)
    drain_jobs()
    assert not Asset.objects.filter(pk=asset.pk).exists()
    assert files_in(media_folder) == set()


def test_a_deleted_assets_events_name_its_profile_and_adapter(events: Recorder):
    doomed_asset()
    drain_jobs()
    told = [each for each in events.named("rindle.asset.state_change") if each["to"] == "deleted"]
    assert [(each["profile"], each["adapter"]) for each in told] == [("photo", "filesystem")]


def test_what_was_only_stocked_never_had_bytes_and_purges_cleanly():
    (asset,) = stock(1)
    discard(asset.pk)
    # No folder of the storage was ever made here: nothing can say that the objects are absent.
    adapter_for("default").put_stream(
        "incoming/a/b", [b"x"], length=1, content_type="image/jpeg", limit=9
    )
    adapter_for("default").delete(["incoming/a/b"])
    drain_jobs(early=True)
    assert not Asset.objects.exists()
