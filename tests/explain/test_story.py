"""The story of an asset: true to its rows, in plain words, with the verb that helps."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rindle_django import attach, cancel_processing, upload
from rindle_django.errors import CODES
from rindle_django.lifecycle import caused_by
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.models.variant import RUN_OUTCOMES
from rindle_django.operations.erasure import erase_owner
from rindle_django.operations.explain import Story, explain, story, words
from rindle_django.operations.explain.verbs import FIRST, OF_VARIANTS
from rindle_django.operations.repair import requeue, unquarantine
from rindle_django.purge import discard, purge
from rindle_django.states import MACHINES
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.jobs.queue import forget_jobs, grace_passes
from tests.kit import arrive, fresh, named, picture, promise, ready, refused, run_out
from tests.repair.rows import quarantined
from tests.rows import asset_in, variant_in
from tests.storms import Sky, sky

__all__ = ["sky"]

pytestmark = pytest.mark.django_db(transaction=True)


def texts(told: Story) -> list[str]:
    return [line.text for line in told.lines]


def causes(told: Story) -> dict[str, str]:
    return {line.text: line.cause for line in told.lines}


def follow(told: Story) -> None:
    """Do what the story says is next, as an operator would type it."""
    for verb in told.next_verbs:
        if verb.split()[0] != "rindle_doctor":
            call_command(*verb.split(), stdout=StringIO())


def test_a_photo_that_went_all_the_way():
    article, asset = Article.objects.create(), ready()
    attach(article, "cover", asset)
    told = explain(asset.pk)
    assert told.asset_id == str(asset.pk)
    assert told.headline == "photo.jpg of profile photo is ready."
    assert (told.now, told.next_verbs) == ([], [])
    for text in (
        "An upload was begun",
        "The upload was completed",
        "Its bytes passed and were frozen as the original",
        "Variant thumb was published",
        f"It was attached to app.article:{article.pk} as cover",
    ):
        assert text in texts(told)
    assert [line.at for line in told.lines] == sorted(line.at for line in told.lines)
    assert causes(told)["It became available"].startswith("task rindle:promote_asset, job ")
    assert any(
        text.startswith("Attempt 1 at variant thumb succeeded after ") for text in texts(told)
    )


def test_what_is_waited_for_is_told():
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote"])
    told = explain(asset.pk)
    assert any(text.startswith("Variant thumb: waits after attempt 0 of 5") for text in told.now)
    assert told.next_verbs == []
    drain_jobs()


def test_who_is_at_it_and_until_when_is_told():
    asset = arrive(picture())
    Asset.objects.filter(pk=asset.pk).update(state="analyzing")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rindle_asset SET lease_until = now() + interval '1 minute'")
    (text,) = explain(asset.pk).now
    assert text.startswith("The asset: a worker is at it, attempt 0 of 3, and has it until ")


def test_work_whose_job_was_lost_is_overdue_and_its_verb_helps__C2_19():
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    forget_jobs()
    grace_passes()
    told = explain(asset.pk)
    assert any("was due at" in text for text in told.now)
    assert told.next_verbs == ["rindle_reconcile"]
    follow(told)
    drain_jobs()
    assert fresh(asset).state == "ready"


@pytest.mark.parametrize("lost", ["failed", "cancelled"])
def test_the_verb_for_a_variant_that_is_not_there_helps__C2_19(lost: str):
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    cancel_processing(asset.pk)
    if lost == "failed":
        requeue(asset.pk)
        Variant.objects.filter(asset=asset).update(state="failed", wake_at=None, reason_code="x")
        Asset.objects.filter(pk=asset.pk).update(state="degraded")
    told = explain(asset.pk)
    assert "of 3 variants large is" in told.headline
    assert f"rindle_repair requeue {asset.pk} --variant thumb --no-dry-run" in told.next_verbs
    follow(told)
    drain_jobs()
    assert fresh(asset).state == "ready"


def test_quarantine_is_told_with_its_reason_and_the_way_out():
    asset = quarantined()
    told = explain(asset.pk)
    assert told.headline.startswith("photo.jpg of profile photo is quarantined: ")
    assert asset.reason_code in told.headline
    assert told.next_verbs[0] == f"rindle_repair unquarantine {asset.pk} --no-dry-run"
    with caused_by(user="7", surface="admin"):
        unquarantine(asset.pk)
    told = explain(asset.pk)
    out = "It was let out of quarantine, to be looked at again"
    assert causes(told)[out] == "user 7, in the admin, repair unquarantine"
    assert "Its quarantine was lifted: reason_code, state" in texts(told)
    drain_jobs()


def test_a_storage_that_is_away_points_to_the_doctor(sky: Sky):
    asset = upload("photo", named(picture(), "photo.jpg"))
    sky.break_down("stat", "copy", "download")
    drain_jobs()
    told = explain(asset.pk)
    assert "storage_unavailable" in told.headline
    assert "rindle_doctor" in told.next_verbs
    sky.clear_up()


def test_a_corrupt_original_points_to_reprobe(media_folder: Path):
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    original = fresh(asset).original
    assert original is not None
    (media_folder / original.key).write_bytes(b"x" * (original.byte_size or 1))
    drain_jobs()
    told = explain(asset.pk)
    assert "Variant thumb failed (checksum_mismatch)" in texts(told)
    assert told.next_verbs[0] == f"rindle_repair reprobe {asset.pk}"


def test_an_upload_that_nobody_finished():
    ticket = promise()
    told = explain(ticket.asset_id)
    assert told.now[0].startswith("The upload is open until ")
    assert told.next_verbs == []
    run_out(ticket)
    told = explain(ticket.asset_id)
    assert told.now[0].startswith("The upload ran out ")
    assert told.next_verbs == [
        "rindle_abort_incomplete_uploads",
        "rindle_cleanup_orphans --no-dry-run",
    ]


def test_a_purged_asset_is_told_of_from_history_and_receipts():
    asset = ready()
    discard(asset.pk)
    purge(asset.pk)
    drain_jobs(early=True)
    assert not Asset.objects.filter(pk=asset.pk).exists()
    told = explain(asset.pk)
    assert told.headline == "It was purged; the storage confirmed that 5 objects are gone."
    assert "It was deleted; its objects are removed by the purge" in texts(told)
    assert "The storage has confirmed that 5 objects are gone" in texts(told)
    assert told.next_verbs == [f"rindle_receipts --asset {asset.pk}"]
    follow(told)


def test_an_erasure_is_told_as_what_deleted_it():
    article, asset = Article.objects.create(), ready()
    attach(article, "cover", asset)
    with caused_by(command="rindle_erase_owner"):
        erase_owner(article)
    told = explain(asset.pk)
    (line,) = [line for line in told.lines if line.text.startswith("It was deleted")]
    assert line.cause.startswith("command rindle_erase_owner, erasure ")
    assert "(owner_erased)" in line.text
    assert told.now == ["4 objects wait to be deleted."]
    drain_jobs()


def test_a_deletion_that_the_storage_refuses_points_to_the_doctor(sky: Sky):
    asset = ready()
    sky.break_down("delete")
    discard(asset.pk)
    purge(asset.pk)
    told = explain(asset.pk)
    assert "rindle_doctor" in told.next_verbs
    sky.clear_up()


@pytest.mark.parametrize("bad", ["", "nonsense", "\x00", None, 7])
def test_what_is_no_id_is_no_asset__C2_30(bad: Any):
    with refused("asset_not_found"):
        explain(bad)


def test_of_what_never_was_nothing_is_told():
    with refused("asset_not_found"):
        explain("00000000-0000-4000-8000-000000000000")


@pytest.mark.parametrize("name", ["asset", "variant", "session"])
def test_every_state_has_its_words(name: str):
    assert {state for subject, state in words.STEPS if subject == name} == set(
        MACHINES[name].states
    )


def test_every_special_word_is_for_an_edge_that_there_is():
    assert [key for key in words.FROM if not MACHINES[key[0]].allows(key[1], key[2])] == []


def test_every_outcome_and_code_has_its_words():
    assert set(words.OUTCOMES) == set(RUN_OUTCOMES)
    assert set(FIRST) - {"worker_lost"} <= set(CODES)
    assert set(OF_VARIANTS) <= set(MACHINES["variant"].states)


@pytest.mark.parametrize("state", MACHINES["asset"].states)
def test_an_asset_in_any_state_can_be_told_of(state: str):
    told = explain(asset_in(state).pk)
    assert state in told.headline


@pytest.mark.parametrize("state", MACHINES["variant"].states)
def test_a_variant_in_any_state_can_be_told_of(state: str):
    variant = variant_in(state, asset=asset_in("processing"))
    told = explain(variant.asset_id)
    assert (f"thumb is {state}" in told.headline) == (state != "ready")


def test_it_reads_only_a_bounded_number_and_asks_a_constant_number_of_times(
    monkeypatch: pytest.MonkeyPatch,
):
    asset = ready()
    with CaptureQueriesContext(connection) as few:
        explain(asset.pk)
    for number in range(30):
        ProcessingRun.objects.create(
            asset_id=asset.pk,
            variant_id=asset.pk,
            variant_name="thumb",
            attempt=number,
            fence=1000 + number,
        )
    monkeypatch.setattr(story, "TOLD", 10)
    with CaptureQueriesContext(connection) as many:
        told = explain(asset.pk)
    assert len(many) == len(few)
    assert not any(query["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE") for query in many)
    assert len(told.lines) == 10 + 10 + 1  # steps, attempts, and the objects that are gone
    assert StoredObject.objects.exists()


def run(*args: str) -> str:
    out = StringIO()
    call_command("rindle_explain", *args, stdout=out)
    return out.getvalue()


def test_the_command_tells_it():
    asset = quarantined()
    text = run(str(asset.pk))
    assert "is quarantined" in text
    assert f"  rindle_repair unquarantine {asset.pk} --no-dry-run\n" in text
    document = json.loads(run(str(asset.pk), "--format", "json"))
    assert document["asset_id"] == str(asset.pk)
    assert document["exit_code"] == 0
    assert document["lines"][0]["text"] == "An upload was begun"


@pytest.mark.parametrize("bad", ["nonsense", "00000000-0000-4000-8000-000000000000"])
def test_the_command_refuses_what_there_is_not(bad: str):
    with pytest.raises(CommandError) as refusal:
        run(bad)
    assert refusal.value.returncode == 2
