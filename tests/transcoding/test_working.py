"""Variants of audio and video as durable work: each by itself, side by side, and with an end."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from rindle_django import AudioRecipe, ImageRecipe, requeue_variants
from rindle_django.errors import ContentRefused, TransientFailure
from rindle_django.media.av.make import make
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.operations.explain import explain
from rindle_django.operations.invariants import violations
from rindle_django.operations.recipes import plan_recipes, regenerate_variants
from rindle_django.operations.reconcile import reconcile
from rindle_django.operations.status import runtime_status
from rindle_django.processing import process_variant
from rindle_django.profiles import get_profile
from rindle_django.testing import drain_jobs
from tests.crowd import Doze, Somebody
from tests.jobs.queue import forget_jobs, grace_passes, jobs
from tests.jobs.worker import wait_for
from tests.kit import (
    declared,
    edges,
    files_in,
    fresh,
    ledger_keys,
    picture,
    queued_jobs,
    ready,
    variant_states,
)
from tests.storms import Sky
from tests.transcoding.clips import PLAY, REEL, clip, filmed, long_clip
from tests.transcoding.processes import transcoders, working_copies

pytestmark = pytest.mark.django_db(transaction=True)
READY = dict.fromkeys(REEL, "ready")
MEDIA = "rindle:process_media_variant"


def at_rest(folder: Path) -> None:
    for _ in range(3):
        grace_passes()
        reconcile()
        drain_jobs(early=True)
    assert violations(at_rest=True, checksums=True) == []
    assert files_in(folder) == ledger_keys("present")
    assert working_copies() == []
    assert transcoders() == set()


def variant(asset: Asset, name: str = "play") -> Variant:
    return Variant.objects.get(asset=asset, name=name)


def reasons(asset: Asset) -> dict[str, str]:
    return dict(asset.variants.exclude(state="ready").values_list("name", "reason"))


def outcomes(name: str | None = None) -> list[str]:
    runs = ProcessingRun.objects.order_by("started_at", "fence")
    return list(
        (runs if name is None else runs.filter(variant_name=name)).values_list("outcome", flat=True)
    )


# --- all the way -------------------------------------------------------------------------------


def test_a_film_goes_all_the_way_on_a_queue_of_its_own(reel: str, media_folder: Path):
    asset = filmed(reel)
    assert {job["variant_name"] for job in queued_jobs(MEDIA)} == set(REEL)
    assert not queued_jobs("rindle:process_variant")
    drain_jobs()
    assert reasons(asset) == {}
    assert variant_states(asset) == READY
    assert edges(asset)[-2:] == ["available>transcoding", "transcoding>ready"]
    assert {status for _, status, _ in jobs()} == {"succeeded"}
    at_rest(media_folder)


def test_what_a_player_has_to_know_is_on_the_row(play: str):
    asset = filmed(play)
    drain_jobs()
    made = variant(asset)
    assert made.content_type == "video/mp4"
    assert made.duration_ms == pytest.approx(1000, abs=250)
    assert (made.width, made.height) == (160, 144)
    assert made.details["codecs"].startswith("avc1.")
    run = ProcessingRun.objects.get()
    assert run.cpu_seconds is not None
    assert run.cpu_seconds > 0


def test_a_silent_film_is_ready_without_what_needs_sound__W3_6(reel: str, media_folder: Path):
    asset = filmed(reel, clip(sound=False))
    drain_jobs()
    assert variant_states(asset) == {name: "ready" for name in REEL if name != "sound"}
    assert fresh(asset).state == "ready"
    at_rest(media_folder)


def test_a_silent_film_is_nothing_that_a_new_sound_variant_is_made_of(play: str):
    """The variant is newer than its assets: one of them has no sound to make it of."""
    loud, silent = filmed(play), filmed(play, clip(sound=False))
    drain_jobs()
    forget_jobs()
    profile = get_profile(play)
    profile.variants = {**PLAY, "sound": REEL["sound"]}
    [row] = [row for row in plan_recipes(profile=play).rows if row.variant == "sound"]
    assert (row.missing, row.superfluous) == (1, 0)
    report = regenerate_variants(profile=play, dry_run=False)
    assert (report.planned, report.queued) == (1, 1)
    drain_jobs()
    assert variant_states(loud) == {"play": "ready", "sound": "ready"}
    assert variant_states(silent) == {"play": "ready"}
    assert not plan_recipes(profile=play).changed


# --- side by side ------------------------------------------------------------------------------


def test_each_is_claimed_alone_and_several_workers_are_at_one_asset(
    sky: Sky, reel: str, media_folder: Path
):
    asset = filmed(reel)
    doze = Doze()
    sky.before("download", doze)
    first = Somebody(partial(process_variant, str(asset.pk), "play"))

    def others_work() -> dict[str, str]:
        process_variant(str(asset.pk), "sound")
        process_variant(str(asset.pk), "play")  # somebody is at it
        return variant_states(asset)

    assert doze.during(others_work) == {
        "play": "processing",
        "poster": "queued",
        "sound": "ready",
        "stream": "queued",
    }
    assert first.answer() is None
    drain_jobs()
    assert sorted(outcomes()) == ["succeeded"] * 4
    at_rest(media_folder)


def test_who_is_at_one_leaves_others_of_the_same_kind_to_others(sky: Sky, media_folder: Path):
    variants = {"high": AudioRecipe(bitrate=64), "low": AudioRecipe(bitrate=32)}
    with declared("sounds", variants=variants, content_types=("video/mp4",)):
        asset = filmed("sounds")
        doze = Doze()
        sky.before("download", doze)
        first = Somebody(partial(process_variant, str(asset.pk), "high"))

        def another_comes() -> dict[str, str]:
            process_variant(str(asset.pk), "low")
            return variant_states(asset)

        assert doze.during(another_comes) == {"high": "processing", "low": "ready"}
        assert first.answer() is None
        drain_jobs()
        at_rest(media_folder)


def test_images_and_films_of_one_profile_go_different_ways(media_folder: Path):
    variants = {**PLAY, "thumb": ImageRecipe(width=20)}
    with declared("mixed", variants=variants, content_types=("image/jpeg", "video/mp4")):
        photo = ready(picture(), profile="mixed")
        film = filmed("mixed")
        drain_jobs()
        assert variant_states(photo) == {"thumb": "ready"}
        assert variant_states(film) == {"play": "ready"}
        at_rest(media_folder)


def test_a_variant_whose_recipe_became_one_of_another_kind_is_made_by_it(
    play: str, media_folder: Path
):
    asset = filmed(play)
    get_profile(play).variants = {"play": REEL["stream"]}
    drain_jobs()
    made = variant(asset)
    assert (made.state, made.kind) == ("ready", "hls")
    at_rest(media_folder)


# --- tries -------------------------------------------------------------------------------------


def test_a_film_that_cannot_be_made_into_it_fails_at_once__W1_19(
    play: str, media_folder: Path, events: Any
):
    asset = filmed(play, clip(sound=False))
    get_profile(play).variants = {"play": REEL["sound"]}
    drain_jobs()
    failed = variant(asset)
    assert (failed.state, failed.reason_code, failed.attempts) == ("failed", "audio_missing", 1)
    assert fresh(asset).state == "degraded"
    assert outcomes() == ["failed"]
    [told] = events.named("rindle.media.transcode.exception")
    assert (told["kind"], told["reason"]) == ("content", "audio_missing")
    at_rest(media_folder)


def test_an_outage_is_waited_out_for_five_tries_and_failed_means_spent__W1_19(
    sky: Sky, play: str, media_folder: Path, events: Any
):
    asset = filmed(play)
    sky.break_down("put_file")
    drain_jobs(early=True, limit=4)
    assert variant(asset).state == "queued"
    assert "processing>failed" not in edges(asset, "variant")
    drain_jobs(early=True, queues=["rindle_media"])
    failed = variant(asset)
    assert (failed.state, failed.reason_code) == ("failed", "storage_unavailable")
    assert outcomes() == ["retried"] * 4 + ["failed"]
    told = events.named("rindle.media.transcode.exception")
    assert [(each["kind"], each["reason"]) for each in told] == [
        ("transient", "storage_unavailable")
    ] * 5
    sky.clear_up()
    assert requeue_variants(asset.pk) == ["play"]
    drain_jobs()
    assert fresh(asset).state == "ready"
    at_rest(media_folder)


def test_without_ffmpeg_it_fails_with_what_to_do_and_is_made_once_that_is_done(
    play: str, settings: Settings, media_folder: Path, events: Any
):
    asset = filmed(play)
    usual = settings.RINDLE
    settings.RINDLE = {**usual, "FFMPEG": "/nowhere/ffmpeg"}
    drain_jobs()
    failed = variant(asset)
    assert (failed.state, failed.reason_code) == ("failed", "transcoder_missing")
    assert "RINDLE['FFMPEG']" in failed.reason
    assert outcomes() == ["failed"]
    [told] = events.named("rindle.media.transcode.exception")
    assert (told["kind"], told["reason"]) == ("configuration", "transcoder_missing")
    settings.RINDLE = usual
    assert requeue_variants(asset.pk) == ["play"]
    drain_jobs()
    assert fresh(asset).state == "ready"
    at_rest(media_folder)


def test_what_is_finished_is_not_made_again_by_whoever_comes_after_a_death__W1_6(
    sky: Sky, reel: str, media_folder: Path
):
    """Two of four are ready when their worker dies over the third."""
    asset = filmed(reel)
    for name in ("play", "poster"):
        process_variant(str(asset.pk), name)
    doze = Doze()
    sky.before("download", doze)
    dying = Somebody(partial(process_variant, str(asset.pk), "sound"))

    def it_is_given_up_for_dead() -> None:
        sky.clear_up()
        forget_jobs()
        grace_passes()
        assert reconcile().variants == 2
        drain_jobs()

    doze.during(it_is_given_up_for_dead)
    assert dying.answer() is None
    assert variant_states(asset) == READY
    made = {name: outcomes(name) for name in REEL}
    assert made == {
        "play": ["succeeded"],
        "poster": ["succeeded"],
        "sound": ["lost", "succeeded"],
        "stream": ["succeeded"],
    }
    at_rest(media_folder)


def test_a_film_that_kills_five_workers_has_failed__W1_6(sky: Sky, play: str):
    asset = filmed(play)
    for _ in range(5):
        doze = Doze()
        sky.before("download", doze)
        dying = Somebody(partial(process_variant, str(asset.pk), "play"))
        with doze.while_asleep():
            sky.clear_up()
            grace_passes()
            assert variant(asset).state == "processing"
            Variant.objects.update(fence=variant(asset).fence + 1)
        assert dying.answer() is None
        Variant.objects.update(lease_until=None)
    process_variant(str(asset.pk), "play")
    assert (variant(asset).state, variant(asset).reason_code) == ("failed", "worker_lost")


# --- what operators see ------------------------------------------------------------------------


def test_a_long_transcode_under_a_living_lease_is_nothing_to_see_to(sky: Sky, play: str):
    """For forty minutes by its rows, whose lease was renewed just now."""
    asset = filmed(play)
    doze = Doze()
    sky.before("download", doze)
    worker = Somebody(partial(process_variant, str(asset.pk), "play"))
    with doze.while_asleep():
        for model in (Asset, Variant, StoredObject):
            model.objects.update(updated_at=_forty_minutes_ago())
        ProcessingRun.objects.update(started_at=_forty_minutes_ago())
        findings = runtime_status(older_than=0).findings
        assert [each for each in findings if each.subject in ("asset", "variant", "object")] == []
        report = reconcile()
        assert (report.variants, report.abandoned, report.stalled, report.folders) == (0, 0, 0, 0)
    assert worker.answer() is None
    assert variant(asset).state == "ready"


def _forty_minutes_ago() -> Any:
    from datetime import timedelta

    from django.db.models.functions import Now

    return Now() - timedelta(minutes=40)


def test_one_that_no_worker_takes_names_the_queue_of_its_own(play: str):
    filmed(play)
    findings = runtime_status(older_than=0).findings
    [waiting] = [each for each in findings if each.kind == "waiting"]
    assert waiting.verb == "procrastinate worker -q rindle_media"


def test_a_changed_recipe_is_forecast_by_what_it_cost_and_made_behind_fresh_work(
    play: str, media_folder: Path
):
    asset = filmed(play)
    drain_jobs()
    spent = ProcessingRun.objects.get().cpu_seconds
    get_profile(play).variants = {"play": REEL["stream"]}
    [row] = plan_recipes(profile=play).rows
    assert (row.stale, row.basis, row.cpu_seconds) == (1, "past runs", spent)
    assert regenerate_variants(profile=play, dry_run=False).queued == 1
    assert variant(asset).priority < 0
    assert len(queued_jobs(MEDIA)) == 1
    drain_jobs()
    assert variant(asset).kind == "hls"
    at_rest(media_folder)


def test_the_size_of_photos_says_nothing_of_what_films_cost(play: str):
    filmed(play)
    drain_jobs()
    get_profile(play).variants = {**PLAY, "other": REEL["stream"]}
    [row] = [row for row in plan_recipes(profile=play).rows if row.variant == "other"]
    assert (row.missing, row.basis, row.cpu_seconds) == (1, "no past runs", None)


# --- how far it is -----------------------------------------------------------------------------


@pytest.mark.parametrize("lease", [3, 45])
def test_how_far_it_has_come_is_on_the_row_while_it_is_made(
    slow: str, settings: Settings, lease: int
):
    settings.RINDLE = {**settings.RINDLE, "LEASE": lease}
    asset = filmed(slow, long_clip())
    worker = Somebody(partial(process_variant, str(asset.pk), "slow"))
    wait_for("the start", lambda: variant(asset, "slow").progress == 0)
    wait_for("the first news", lambda: (variant(asset, "slow").progress or 0) > 0)
    assert edges(asset, "variant")[-1] == "queued>processing"  # no step of its own
    requeue_later = variant(asset, "slow").fence
    Variant.objects.update(fence=requeue_later + 1, progress=7)
    assert worker.answer() is None
    assert variant(asset, "slow").progress == 7  # who was overtaken writes nothing


@pytest.mark.parametrize("ends", ["published", "failed", "retried"])
def test_an_attempt_that_has_ended_is_not_half_way(
    sky: Sky, play: str, monkeypatch: pytest.MonkeyPatch, ends: str
):
    asset = filmed(play)
    seen: list[int | None] = []

    def made(*args: Any, **options: Any) -> Any:
        Variant.objects.update(progress=50)
        seen.append(variant(asset).progress)
        if ends == "failed":
            raise ContentRefused("transcode_failed", detail="too loud")
        if ends == "retried":
            raise TransientFailure("transcoder_stopped", signal="SIGKILL")
        return make(*args, **options)

    monkeypatch.setattr("rindle_django.processing.transcode.make", made)
    process_variant(str(asset.pk), "play")
    state = {"published": "ready", "failed": "failed", "retried": "queued"}[ends]
    assert (variant(asset).state, variant(asset).progress, seen) == (state, None, [50])


def test_its_story_says_how_far_it_is(sky: Sky, play: str):
    asset = filmed(play)
    doze = Doze()
    sky.before("download", doze)
    worker = Somebody(partial(process_variant, str(asset.pk), "play"))
    with doze.while_asleep():
        Variant.objects.update(progress=41)
        told = " ".join(explain(asset.pk).now)
    assert "Variant play: a worker is at it and 41 % through, attempt 1 of 5" in told
    assert worker.answer() is None
    assert "%" not in " ".join(explain(asset.pk).now)


def test_who_takes_it_over_begins_at_the_start(sky: Sky, play: str):
    asset = filmed(play)
    doze = Doze()
    sky.before("download", doze)
    dead = Somebody(partial(process_variant, str(asset.pk), "play"))
    with doze.while_asleep():
        Variant.objects.update(progress=80)
        grace_passes()
        doze_again = Doze()
        sky.before("download", doze_again)
        heir = Somebody(partial(process_variant, str(asset.pk), "play"))
        with doze_again.while_asleep():
            assert variant(asset).progress == 0
    assert (dead.answer(), heir.answer()) == (None, None)
    assert variant(asset).state == "ready"


# --- what is told ------------------------------------------------------------------------------


def test_each_attempt_tells_of_its_start_and_of_one_end(sky: Sky, stream: str, events: Any):
    asset = filmed(stream)
    sky.break_down("put_file")
    process_variant(str(asset.pk), "stream")
    sky.clear_up()
    drain_jobs(early=True)
    told = [
        (name.removeprefix("rindle.media.transcode."), measured)
        for name, measured, _ in events.emitted
        if name.startswith("rindle.media.transcode.")
    ]
    assert [name for name, _ in told] == ["start", "exception", "start", "stop"]
    assert ["duration" in measured for _, measured in told] == [False, True, False, True]
    assert 0 < told[-1][1]["duration"] < 60_000_000
    [stop] = events.named("rindle.media.transcode.stop")
    assert stop == {
        "profile": "stream",
        "asset_id": str(asset.pk),
        "variant_id": str(variant(asset, "stream").pk),
        "variant_name": "stream",
        "preset": "custom",
        "output_kind": "hls",
    }


def test_who_was_taken_over_says_so_and_the_heir_tells_of_its_own(sky: Sky, play: str, events: Any):
    asset = filmed(play)
    doze = Doze()
    sky.before("put_file", doze)
    zombie = Somebody(partial(process_variant, str(asset.pk), "play"))

    def take_over() -> None:
        grace_passes()
        process_variant(str(asset.pk), "play")

    doze.during(take_over)
    assert zombie.answer() is None
    assert len(events.named("rindle.media.transcode.start")) == 2
    assert len(events.named("rindle.media.transcode.stop")) == 1
    [told] = events.named("rindle.media.transcode.exception")
    assert (told["kind"], told["reason"]) == ("cancelled", "superseded")


def test_who_finds_nothing_to_do_tells_of_nothing(play: str, events: Any):
    asset = filmed(play)
    drain_jobs()
    process_variant(str(asset.pk), "play")
    assert len(events.named("rindle.media.transcode.start")) == 1
