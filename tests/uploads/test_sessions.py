"""The life of an upload session: begun, signed, verified, aborted, or run out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from rindle_django import abort_upload, sign_upload, verify_upload
from rindle_django.errors import Misconfigured
from rindle_django.models import Asset, StoredObject, UploadSession
from rindle_django.testing import Recorder, drain_jobs
from tests.kit import (
    JPEG,
    arrive,
    code_of,
    edges,
    files_in,
    fresh,
    promise,
    queued_jobs,
    rolled_back,
    run_out,
    session_of,
    settle,
    stage,
)
from tests.storms import Sky
from tests.uploads.ends import end_by

pytestmark = pytest.mark.django_db(transaction=True)


# --- begun -------------------------------------------------------------------------------------


def test_the_key_is_written_down_before_anybody_may_write_it__U3():
    ticket = promise(actor="someone")
    session = session_of(ticket)
    assert (session.state, session.asset.state) == ("initialized", "staged")
    assert (session.staging.state, session.staging.purpose) == ("expected", "staging")
    assert (session.actor, session.asset.actor) == ("someone", "someone")
    assert ticket.asset_id == str(session.asset_id)


def test_a_rollback_of_the_caller_takes_everything_along__U3(events: Recorder):
    with rolled_back():
        promise()
    assert not Asset.objects.exists()
    assert not StoredObject.objects.exists()
    assert events.emitted == []


def test_beginning_asks_nothing_of_the_storage__U3(sky: Sky):
    sky.break_down("stat", "put_stream", "sign_put")
    promise()
    assert sky.calls.total() == 0


def test_an_upload_to_a_storage_that_is_not_there_is_not_begun(settings: Settings):
    settings.STORAGES = {k: v for k, v in settings.STORAGES.items() if k != "public"}
    assert code_of(promise, profile="open") == "unknown_storage"
    assert not Asset.objects.exists()


def test_the_ttl_is_the_setting_at_the_time_of_the_call__U22(settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "UPLOAD_TTL": 77}
    ticket = promise()
    session = session_of(ticket)
    assert ticket.expires_in == 77
    assert abs((session.expires_at - session.created_at).total_seconds() - 77) < 5


def test_a_start_is_told_after_commit__U20(events: Recorder):
    with transaction.atomic():
        ticket = promise()
        assert events.emitted == []
    [told] = events.named("rindle.upload.start")
    assert told["session_id"] == ticket.session_id
    assert (told["profile"], told["adapter"]) == ("photo", "filesystem")


# --- signed ------------------------------------------------------------------------------------


def test_signing_moves_the_session_once_and_can_be_repeated__U7():
    ticket = promise()
    first = sign_upload(ticket.ticket)
    again = sign_upload(ticket.ticket)
    assert first.method == again.method == "PUT"
    assert first.headers == {"Content-Type": "image/jpeg"}
    assert edges(session_of(ticket).asset, "session") == [
        ">initialized",
        "initialized>signed",
    ]


def test_a_url_never_outlives_its_upload__U24(settings: Settings):
    ticket = promise()
    assert sign_upload(ticket.ticket).expires_in == 900
    UploadSession.objects.update(expires_at=Now() + timedelta(seconds=60))
    assert 50 <= sign_upload(ticket.ticket).expires_in <= 60


def test_an_upload_that_has_run_out_is_not_signed__U7_U24():
    ticket = promise()
    run_out(ticket)
    assert code_of(sign_upload, ticket.ticket) == "ticket_expired"
    assert session_of(ticket).state == "initialized"


@pytest.mark.parametrize("end", ["verified", "aborted", "expired", "failed"])
def test_an_upload_that_has_ended_is_not_signed__U24(end: str):
    ticket = promise()
    end_by(ticket, end)
    assert code_of(sign_upload, ticket.ticket) == "ticket_used"


# --- verified ----------------------------------------------------------------------------------


def test_verifying_is_one_transaction_with_one_job__U2(events: Recorder):
    ticket = promise()
    stage(ticket.asset_id, JPEG)
    asset = verify_upload(ticket.ticket)
    session = session_of(ticket)
    assert (session.state, asset.state, asset.byte_size) == ("completed", "validating", len(JPEG))
    assert session.verified_at is not None
    assert session.staging.state == "present"
    assert queued_jobs() == [{"asset_id": str(asset.pk)}]
    assert len(events.named("rindle.upload.stop")) == 1


def test_verifying_again_gives_the_same_answer_and_no_second_job__U2_U6(sky: Sky):
    ticket = promise()
    stage(ticket.asset_id, JPEG)
    first = verify_upload(ticket.ticket)
    sky.clear_up()
    asked = sky.calls["stat"]
    assert verify_upload(ticket.ticket).pk == first.pk
    assert sky.calls["stat"] == asked  # not even a HEAD is paid for
    assert len(queued_jobs()) == 1


def test_verifying_long_after_promotion_does_not_set_the_asset_back__U2_W1_14():
    ticket = promise()
    stage(ticket.asset_id, JPEG)
    verify_upload(ticket.ticket)
    drain_jobs()
    run_out(ticket)
    assert verify_upload(ticket.ticket).state == "ready"
    assert queued_jobs() == []


@contextmanager
def no_jobs_taken() -> Iterator[None]:
    """A queue that refuses every job, by a real error of the database."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE procrastinate_jobs ADD CONSTRAINT shut CHECK (false) NOT VALID")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE procrastinate_jobs DROP CONSTRAINT shut")


def test_what_the_database_took_back_can_be_verified_again__U6(events: Recorder):
    ticket = promise()
    stage(ticket.asset_id, JPEG)
    with no_jobs_taken(), pytest.raises(IntegrityError):
        verify_upload(ticket.ticket)
    assert events.named("rindle.upload.stop") == []
    assert session_of(ticket).state == "initialized"
    assert fresh(session_of(ticket).asset).state == "staged"
    assert verify_upload(ticket.ticket).state == "validating"
    assert len(queued_jobs()) == 1


def test_a_storage_that_does_not_answer_changes_nothing__U19(sky: Sky):
    ticket = promise()
    stage(ticket.asset_id, JPEG)
    sky.break_down("stat")
    assert code_of(verify_upload, ticket.ticket) == "storage_unavailable"
    assert session_of(ticket).state == "initialized"
    sky.clear_up()
    assert verify_upload(ticket.ticket).state == "validating"


def test_the_storage_is_not_asked_inside_a_transaction():
    ticket = promise()
    stage(ticket.asset_id, JPEG)
    with pytest.raises(Misconfigured) as refusal, transaction.atomic():
        verify_upload(ticket.ticket)
    assert refusal.value.code == "io_in_transaction"
    assert session_of(ticket).state == "initialized"


def test_an_unsigned_upload_can_be_verified():
    """Some clients put the bytes there by other means; what counts is that they are there."""
    assert arrive(JPEG).state == "validating"


# --- aborted -----------------------------------------------------------------------------------


def test_an_abort_gives_the_bytes_up_and_twice_is_the_same_as_once__U12(media_folder: Path):
    ticket = promise()
    stage(ticket.asset_id, JPEG)
    abort_upload(ticket.ticket)
    abort_upload(ticket.ticket)
    session = session_of(ticket)
    assert (session.state, session.asset.state) == ("aborted", "deleted")
    assert session.staging.state == "doomed"
    settle(ticket.asset_id)
    drain_jobs(early=True)
    assert files_in(media_folder) == set()
    assert not Asset.objects.exists()


def test_an_abort_needs_no_storage__U12(sky: Sky):
    ticket = promise()
    sky.break_down("stat", "delete")
    abort_upload(ticket.ticket)
    assert session_of(ticket).state == "aborted"
    assert sky.calls.total() == 0


def test_a_verified_upload_is_not_undone_by_an_abort():
    ticket = promise()
    stage(ticket.asset_id, JPEG)
    verify_upload(ticket.ticket)
    assert code_of(abort_upload, ticket.ticket) == "ticket_used"
    drain_jobs()
    assert session_of(ticket).asset.state == "ready"
