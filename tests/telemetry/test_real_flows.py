"""What real flows say of themselves: everything that was committed, nothing else, once."""

from __future__ import annotations

import sys
import time
import uuid
from collections import Counter
from typing import Any

import pytest
from django.db import transaction

from rindle_django import abort_upload, discard, initiate_upload, upload, url, variant_url
from rindle_django.lifecycle import locked, transition as move
from rindle_django.models import Asset, ProcessingRun, Transition, UploadSession, Variant
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.processing import requeue_variants
from rindle_django.testing import Recorder, drain_jobs
from tests.kit import (
    arrive,
    fresh,
    named,
    picture,
    promise,
    queued_jobs,
    ready,
    refused,
    rolled_back,
)
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)
ASSET, VARIANT = "rindle.asset.state_change", "rindle.variant.state_change"


def steps(events: Recorder, name: str = ASSET) -> list[tuple[object, object]]:
    return [(each["from"], each["to"]) for each in events.named(name)]


def test_a_step_that_was_rolled_back_is_not_told__W2_1(events: Recorder):
    asset = arrive(picture())
    events.emitted.clear()
    with rolled_back():
        assert discard(asset.pk)
    assert events.emitted == []
    assert fresh(asset).state == "validating"


def test_a_promotion_that_fails_at_its_last_line_tells_of_no_asset_available__W2_1(
    events: Recorder, monkeypatch: pytest.MonkeyPatch
):

    module = sys.modules["rindle_django.promotion.promote"]

    def broken(*args: Any) -> None:
        raise RuntimeError("deadlock detected")

    asset = arrive(picture())
    monkeypatch.setattr(module, "plan_variants", broken)
    drain_jobs(early=True, limit=2)
    assert ("validating", "analyzing") in steps(events)
    assert ("promoting", "available") not in steps(events)
    monkeypatch.undo()
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"
    assert steps(events).count(("promoting", "available")) == 1


def test_a_transition_that_lost_its_race_is_not_told__W2_1(events: Recorder):
    asset = ready()
    stale = Asset.objects.get(pk=asset.pk)
    discard(asset.pk)
    events.emitted.clear()
    assert move(stale, "quarantined") is False
    assert events.emitted == []


def test_no_step_of_any_row_is_silent__W2_2(events: Recorder, sky: Sky):
    asset = arrive(picture())
    sky.break_down("put_file")
    drain_jobs(early=True)
    sky.clear_up()
    requeue_variants(asset.pk)
    drain_jobs(early=True)
    assert steps(events)[-4:] == [
        ("available", "processing"),
        ("processing", "degraded"),
        ("degraded", "processing"),
        ("processing", "ready"),
    ]
    for model in (Asset, Variant, UploadSession):
        for row in model._default_manager.all():
            history = Transition.objects.filter(subject_id=row.pk).order_by("id")
            seen = [(each.from_state, each.to_state) for each in history]
            assert [before for before, _ in seen[1:]] == [after for _, after in seen[:-1]]
            assert seen[-1][1] == row.state
    for name, subject in ((ASSET, "asset"), (VARIANT, "variant")):
        written = Transition.objects.filter(subject=subject).exclude(from_state="").order_by("id")
        assert Counter(steps(events, name)) == Counter(
            written.values_list("from_state", "to_state")
        )
    assert not Transition.objects.filter(emitted_at__isnull=True).exists()


def test_names_and_ids_are_those_of_the_real_rows__W2_3(events: Recorder):
    private, public = ready(), ready(profile="open")
    profiles = {str(private.pk): "photo", str(public.pk): "open"}
    told = [metadata for name, _, metadata in events.emitted if "profile" in metadata]
    assert len(told) > 20
    for metadata in told:
        assert metadata["profile"] == profiles[str(metadata["asset_id"])]
        assert metadata["adapter"] == "filesystem"
    variants = {str(each.pk): each.name for each in Variant.objects.all()}
    for metadata in events.named(VARIANT):
        assert variants[str(metadata["variant_id"])] == metadata["variant_name"]
    sessions = {str(each.pk) for each in UploadSession.objects.all()}
    for metadata in events.named("rindle.upload.start") + events.named("rindle.upload.stop"):
        assert metadata["session_id"] in sessions


def test_units_and_types_are_the_same_everywhere__W2_5(events: Recorder):
    before = time.time_ns() // 1000
    asset = ready()
    url(asset)
    variant_url(asset, "thumb")
    abort_incomplete_uploads()
    cleanup_orphans(dry_run=True)
    after = time.time_ns() // 1000
    assert len({name for name, _, _ in events.emitted}) == 6
    for _, measurements, metadata in events.emitted:
        assert before <= measurements["system_time"] <= after  # microseconds
        assert {type(value) for value in measurements.values()} <= {int, float}
        assert isinstance(metadata.get("profile", ""), str)
        assert isinstance(metadata.get("adapter", ""), str)


def test_both_cleanup_workers_count_in_the_same_way__W2_5(events: Recorder):
    abort_incomplete_uploads()
    cleanup_orphans(dry_run=False)
    told = {
        metadata["worker"]: measurements
        for name, measurements, metadata in events.emitted
        if name == "rindle.cleanup.run"
    }
    assert set(told) == {"abort_incomplete_uploads", "cleanup_orphans"}
    for measurements in told.values():
        assert "sessions_found" in measurements
        assert all(isinstance(value, int) for value in measurements.values())


def test_start_and_stop_pair_for_every_road_of_an_upload__W2_6(events: Recorder):
    arrive(picture())
    upload("photo", named(picture(), "heron.jpg"))
    starts, stops = (
        [(each["session_id"], each["profile"]) for each in events.named(f"rindle.upload.{edge}")]
        for edge in ("start", "stop")
    )
    assert starts == stops
    assert len(starts) == 2
    abort_upload(promise().ticket)
    assert len(events.named("rindle.upload.start")) == 3
    assert len(events.named("rindle.upload.stop")) == 2


def test_an_upload_that_the_storage_does_not_have_is_not_told_as_stopped__W2_6(events: Recorder):
    from rindle_django import verify_upload

    arrive(picture())
    events.emitted.clear()
    ticket = promise()
    with refused("object_missing"):
        verify_upload(ticket.ticket)
    assert [name for name, _, _ in events.emitted] == ["rindle.upload.start"]


def test_an_image_variants_failure_and_time_are_known__W2_7(events: Recorder, sky: Sky):
    asset = arrive(picture())
    sky.break_down("put_file")
    drain_jobs(early=True)
    failures = [each for each in events.named(VARIANT) if each["to"] == "failed"]
    assert {each["variant_name"] for each in failures} == {"thumb", "medium", "large"}
    assert {each["reason_code"] for each in failures} == {"storage_unavailable"}
    runs = ProcessingRun.objects.filter(asset_id=asset.pk)
    assert runs.count() == 15
    assert not runs.filter(finished_at__isnull=True).exists()


def test_asset_id_always_means_the_asset_in_full__W2_8(events: Recorder):
    asset = ready()
    variant_url(asset, "thumb")
    told = [
        str(metadata["asset_id"]) for _, _, metadata in events.emitted if "asset_id" in metadata
    ]
    assert len(told) > 15
    assert {uuid.UUID(each) for each in told} == {asset.pk}


def test_events_wait_for_the_outermost_commit__W2_9(events: Recorder):
    asset = ready()
    events.emitted.clear()
    with transaction.atomic():
        with transaction.atomic():
            discard(asset.pk)
        assert events.emitted == []
    assert steps(events) == [("ready", "deleted")]
    assert len(queued_jobs("rindle:purge_storage")) == 1


def test_an_upload_begun_in_a_transaction_that_fails_never_was__W2_9(events: Recorder):
    with rolled_back():
        initiate_upload("photo", filename="a.jpg", content_type="image/jpeg", byte_size=10)
    assert events.emitted == []
    assert not UploadSession.objects.exists()


def test_a_savepoint_that_is_rolled_back_takes_its_events_along__W2_9(events: Recorder):
    kept, spared = ready(), ready()
    events.emitted.clear()
    with transaction.atomic():
        discard(kept.pk)
        with rolled_back():
            discard(spared.pk)
    told = [each["asset_id"] for each in events.named(ASSET)]
    assert told == [str(kept.pk)]


def test_no_key_name_url_or_ticket_ever_leaves_by_an_event(events: Recorder):
    ticket = promise()
    asset = upload("photo", named(picture(), "private holiday.jpg"))
    drain_jobs()
    asset = fresh(asset)
    addresses = [url(asset), variant_url(asset, "thumb")]
    with locked(asset.pk) as current:
        move(current, "quarantined", reason_code="reported")
    assert asset.original is not None
    told = repr(events.emitted)
    for secret in ("holiday", ticket.ticket, asset.original.key, "originals/", "/rindle/media/"):
        assert secret not in told
    for address in addresses:
        assert str(address) not in told
