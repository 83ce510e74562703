"""Every step names who or what caused it, and nothing that it should not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

import rindle_django
from rindle_django import abort_upload, upload
from rindle_django.lifecycle import caused_by
from rindle_django.models import ProcessingRun, Transition
from rindle_django.processing import process_variant
from rindle_django.testing import drain_jobs
from tests.jobs.queue import grace_passes
from tests.kit import arrive, named, picture, promise, ready
from tests.uploads.conftest import alice, browser
from tests.uploads.http import FILE, post, put

__all__ = ["alice", "browser"]

pytestmark = pytest.mark.django_db(transaction=True)


def causes() -> list[dict[str, Any]]:
    return list(Transition.objects.order_by("id").values_list("cause", flat=True))


def test_a_request_names_its_step_its_id_and_its_actor__D10(browser: Client, alice: User):
    begun = post(browser, "", FILE).json()
    browser.defaults["HTTP_X_REQUEST_ID"] = "req-7.a_B"
    put(browser, begun["upload"])
    post(browser, "verify/", {"ticket": begun["ticket"]})
    actor = f"auth.user:{alice.pk}"
    assert causes()[0] == {"request": "POST begin", "actor": actor}
    verified = Transition.objects.get(subject="asset", to_state="validating")
    assert verified.cause == {"request": "POST verify", "actor": actor, "request_id": "req-7.a_B"}
    drain_jobs()


@pytest.mark.parametrize("sent", ["a b", "x" * 65, "<script>", "é", "\\u0000", ""])
def test_a_request_id_that_looks_like_none_is_not_kept(browser: Client, sent: str):
    browser.defaults["HTTP_X_REQUEST_ID"] = sent
    post(browser, "", FILE)
    assert all("request_id" not in cause for cause in causes())


def test_no_address_agent_or_file_is_kept(browser: Client):
    browser.defaults |= {"HTTP_USER_AGENT": "Netscape", "REMOTE_ADDR": "203.0.113.7"}
    post(browser, "", {**FILE, "filename": "passport-of-alice.jpg"})
    kept = json.dumps(list(Transition.objects.values("cause", "metadata", "reason_code")))
    assert not any(text in kept for text in ("Netscape", "203.0.113.7", "passport"))


def test_each_step_of_a_photo_has_a_cause__D10():
    with caused_by(command="import_photos"):
        upload("photo", named(picture(), "photo.jpg"), actor="app.member:1")
    drain_jobs()
    assert all(causes())
    first, *_ = causes()
    assert first == {"command": "import_photos", "actor": "app.member:1"}
    jobs = [cause for cause in causes() if "job" in cause]
    assert {cause["task"] for cause in jobs} == {"rindle:promote_asset", "rindle:process_variant"}
    assert all(cause["run"] == 1 for cause in jobs)


def test_who_gives_an_upload_up_is_named():
    ticket = promise(actor="app.member:1")
    abort_upload(ticket.ticket, actor="app.member:1")
    ended = Transition.objects.get(subject="session", to_state="aborted")
    assert ended.cause == {"actor": "app.member:1"}


def test_every_attempt_has_its_times_and_its_outcome__D10():
    ready()
    runs = ProcessingRun.objects.all()
    assert {run.outcome for run in runs} == {"succeeded"}
    assert all(run.finished_at and run.finished_at >= run.started_at for run in runs)


def test_an_attempt_that_was_lost_has_an_end_too__D10():
    asset = arrive(picture())
    drain_jobs(queues=["rindle_promote", "rindle_purge"])
    asset.variants.filter(name="thumb").update(fence=1)
    lost = ProcessingRun.objects.create(
        asset_id=asset.pk,
        variant_id=asset.variants.get(name="thumb").pk,
        variant_name="thumb",
        attempt=1,
        fence=1,
    )
    grace_passes()
    process_variant(str(asset.pk), "thumb")
    lost.refresh_from_db()
    assert lost.outcome == "lost"
    assert lost.finished_at is not None


@pytest.mark.parametrize(
    "verb",
    ["reprobe", "unquarantine", "erase_owner", "erase_owners", "preview_erasure", "explain"],
)
def test_the_verbs_are_at_the_root_and_have_an_async_form(verb: str):
    assert callable(getattr(rindle_django, verb))
    assert callable(getattr(rindle_django, f"a{verb}"))
