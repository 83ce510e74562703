"""Uploads by several people at once, in scripts of who does what when."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from rindle_django import abort_upload, sign_upload, verify_upload
from rindle_django.lifecycle import transition
from rindle_django.models import Asset, Transition, UploadSession
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.testing import Recorder, drain_jobs
from rindle_django.uploads import expire_session
from tests.crowd import PATIENCE, Somebody, at_once, holding, wait_until_blocked
from tests.kit import (
    JPEG,
    edges,
    files_in,
    fresh,
    ledger_keys,
    promise,
    queued_jobs,
    run_out,
    session_of,
    settle,
    stage,
)
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)

N = 8


def arrived(**options: Any) -> Any:
    ticket = promise(**options)
    stage(ticket.asset_id, JPEG)
    return ticket


def code(answer: object) -> str | None:
    return getattr(answer, "code", None)


# --- verify x verify ---------------------------------------------------------------------------


def test_eight_who_verify_at_once_get_one_completion_one_job_one_answer__U2_W1_14(
    sky: Sky, events: Recorder
):
    ticket = arrived()
    everybody = threading.Barrier(N)  # nobody decides before all have seen the object
    sky.before("stat", lambda: everybody.wait(PATIENCE))
    answers = at_once(*[lambda: verify_upload(ticket.ticket)] * N)
    assert {(answer.pk, answer.state) for answer in answers} == {
        (session_of(ticket).asset_id, "validating")
    }
    assert edges(session_of(ticket).asset, "session").count("verifying>completed") == 1
    assert queued_jobs() == [{"asset_id": ticket.asset_id}]
    assert len(events.named("rindle.upload.stop")) == 1
    sky.clear_up()
    drain_jobs()
    assert edges(session_of(ticket).asset).count("promoting>available") == 1


def test_a_verification_that_waited_for_another_gets_the_same_answer__U2():
    ticket = arrived()
    with holding(ticket.asset_id):
        crowd = [Somebody(lambda: verify_upload(ticket.ticket)) for _ in range(3)]
        wait_until_blocked(3)
    assert {somebody.answer().pk for somebody in crowd} == {session_of(ticket).asset_id}
    assert len(queued_jobs()) == 1


def test_a_verification_overtaken_by_the_whole_pipeline_sets_nothing_back__U2_W1_14(sky: Sky):
    ticket = arrived()

    def everybody_else_is_faster() -> None:
        sky.clear_up()
        verify_upload(ticket.ticket)
        drain_jobs()

    sky.before("stat", everybody_else_is_faster)
    assert verify_upload(ticket.ticket).state == "ready"
    assert fresh(session_of(ticket).asset).state == "ready"
    assert queued_jobs() == []


# --- verify x expire ---------------------------------------------------------------------------


def test_expired_while_the_client_verifies__U1_W1_1(sky: Sky):
    """Client reads an open session; its time ends and the reaper commits; the client goes on."""
    ticket = arrived()

    def the_reaper_comes() -> None:
        run_out(ticket)
        assert abort_incomplete_uploads().sessions_aborted == 1

    sky.before("stat", the_reaper_comes)
    [answer] = at_once(lambda: verify_upload(ticket.ticket))
    assert code(answer) == "upload_expired"
    assert (session_of(ticket).state, session_of(ticket).asset.state) == ("expired", "staged")
    assert queued_jobs() == []


def test_verified_while_the_reaper_walks__U1_W1_1(media_folder: Path):
    """Reaper chooses the session; the client verifies; the reaper reaches it; cleanup follows."""
    ticket = arrived()
    chosen = session_of(ticket)
    verify_upload(ticket.ticket)
    run_out(ticket)
    assert expire_session(chosen) is False
    settle(ticket.asset_id)
    cleanup_orphans(dry_run=False)
    drain_jobs()
    assert fresh(session_of(ticket).asset).state == "ready"
    assert files_in(media_folder) == ledger_keys("present")


@pytest.mark.parametrize("first", ["client", "reaper"])
def test_both_at_the_lock_when_the_time_ends__U1_W1_1(first: str):
    """Whoever is let in first, the upload has run out, and both agree that it has."""
    ticket = arrived()
    chosen = session_of(ticket)
    actions = {
        "client": lambda: verify_upload(ticket.ticket),
        "reaper": lambda: expire_session(chosen),
    }
    second = "reaper" if first == "client" else "client"
    people = {}
    with holding(ticket.asset_id):
        people[first] = Somebody(actions[first])
        wait_until_blocked(1)
        people[second] = Somebody(actions[second])
        wait_until_blocked(2)
        run_out(ticket)
    assert code(people["client"].answer()) == "upload_expired"
    assert people["reaper"].answer() is True
    assert session_of(ticket).state == "expired"


def test_the_client_is_let_in_before_the_end_and_the_reaper_after_it__U1_W1_1():
    ticket = arrived()
    chosen = session_of(ticket)
    with holding(ticket.asset_id):
        client = Somebody(lambda: verify_upload(ticket.ticket))
        wait_until_blocked(1)
        reaper = Somebody(lambda: expire_session(chosen))
        wait_until_blocked(2)
    assert client.answer().state == "validating"
    assert reaper.answer() is False
    assert session_of(ticket).state == "completed"


# --- verify x cleanup --------------------------------------------------------------------------


def test_cleaned_up_while_the_client_verifies__U1(sky: Sky, media_folder: Path):
    ticket = arrived()

    def reaped_and_swept() -> None:
        sky.clear_up()
        run_out(ticket)
        abort_incomplete_uploads()
        settle(ticket.asset_id)
        assert cleanup_orphans(dry_run=False).sessions_deleted == 1

    sky.before("stat", reaped_and_swept)
    [answer] = at_once(lambda: verify_upload(ticket.ticket))
    assert code(answer) == "session_not_found"
    assert not Asset.objects.exists()
    assert files_in(media_folder) == set()


def test_verify_and_both_cleaners_at_once_never_cost_an_upload_in_time__U1(media_folder: Path):
    for _ in range(5):
        ticket = arrived()
        at_once(
            partial(verify_upload, ticket.ticket),
            abort_incomplete_uploads,
            lambda: cleanup_orphans(dry_run=False),
        )
        assert session_of(ticket).state == "completed"
    drain_jobs()
    assert set(Asset.objects.values_list("state", flat=True)) == {"ready"}
    assert files_in(media_folder) == ledger_keys("present")


def test_cleanup_at_the_lock_of_an_asset_just_verified__U1(media_folder: Path):
    """Cleanup chose the asset when its upload was over; under the lock it decides anew."""
    ticket = arrived()
    with holding(ticket.asset_id):
        client = Somebody(lambda: verify_upload(ticket.ticket))
        wait_until_blocked(1)
        cleaner = Somebody(lambda: cleanup_orphans(dry_run=False))
        assert cleaner.answer().assets_found == 0  # it waits for nobody
    assert client.answer().state == "validating"
    drain_jobs()
    assert files_in(media_folder) == ledger_keys("present")


# --- sign x abort ------------------------------------------------------------------------------


def test_aborted_while_being_signed__U24():
    """Signing reads the session as initialized; the abort commits; signing finds it ended."""
    ticket = promise()
    with transaction.atomic():
        session = UploadSession.objects.select_for_update().get(pk=ticket.session_id)
        client = Somebody(lambda: sign_upload(ticket.ticket))
        wait_until_blocked(1)
        assert transition(session, "aborted")
    assert code(client.answer()) == "ticket_used"
    assert session_of(ticket).state == "aborted"


def test_a_url_signed_a_moment_before_the_abort_takes_no_bytes(
    sky: Sky, client: Any, media_folder: Path
):
    ticket = promise()
    sky.before("sign_put", lambda: abort_upload(ticket.ticket))
    signed = sign_upload(ticket.ticket)
    response = client.put(signed.url, JPEG, content_type="image/jpeg")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "ticket_used")
    assert files_in(media_folder) == set()


def test_sign_and_abort_at_once_end_in_an_aborted_upload__U24():
    for _ in range(5):
        ticket = promise()
        signed, aborted = at_once(
            partial(sign_upload, ticket.ticket),
            partial(abort_upload, ticket.ticket),
        )
        assert aborted is None
        assert code(signed) in (None, "ticket_used")
        assert session_of(ticket).state == "aborted"


def test_a_session_that_expired_is_not_signed_back_to_life__U24():
    ticket = promise()
    with transaction.atomic():
        session = UploadSession.objects.select_for_update().get(pk=ticket.session_id)
        client = Somebody(lambda: sign_upload(ticket.ticket))
        wait_until_blocked(1)
        run_out(ticket)
        assert transition(session, "expired")
    assert code(client.answer()) == "ticket_used"
    assert session_of(ticket).state == "expired"


# --- verify x abort ----------------------------------------------------------------------------


def test_verify_and_abort_at_once_have_one_outcome(media_folder: Path):
    for _ in range(5):
        ticket = arrived()
        verified, aborted = at_once(
            partial(verify_upload, ticket.ticket),
            partial(abort_upload, ticket.ticket),
        )
        won = {"completed": "ticket_used", "aborted": None}[session_of(ticket).state]
        assert code(aborted) == won
        assert code(verified) == (None if won else "upload_aborted")
        settle(ticket.asset_id)
        drain_jobs(early=True)
    assert files_in(media_folder) == ledger_keys("present")
    ends = Transition.objects.filter(
        subject="session", to_state__in=["completed", "aborted"]
    ).count()
    assert ends == 5


# --- put x put ---------------------------------------------------------------------------------


def test_of_two_who_put_different_bytes_one_wins_and_the_file_is_whole__S4(media_folder: Path):
    ticket = promise(actor="someone")
    url = sign_upload(ticket.ticket, actor="someone").url

    def put(body: bytes) -> int:
        return Client().put(url, body, content_type="image/jpeg").status_code

    bodies = [bytes([65 + each]) * len(JPEG) for each in range(4)]
    responses = at_once(*[partial(put, body) for body in bodies])
    assert sorted(responses) == [201, 409, 409, 409]
    [stored] = [media_folder / key for key in files_in(media_folder)]
    assert stored.read_bytes() == bodies[responses.index(201)]
