"""A ticket is one promise to one actor: forged, foreign, late and replayed ones are refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import signing
from pytest_django import Settings

from rindle_django import UploadTicket, abort_upload, sign_upload, verify_upload
from rindle_django.models import UploadSession
from rindle_django.operations.cleanup import abort_incomplete_uploads
from tests.kit import JPEG, code_of, promise, run_out, session_of, stage

pytestmark = pytest.mark.django_db(transaction=True)

OWNER = "auth.user:1"
VERBS = {"sign": sign_upload, "verify": verify_upload, "abort": abort_upload}

# What became of the upload before the ticket is shown (again), and what each verb then answers.
AGES = {
    "fresh": {"sign": "ok", "verify": "ok", "abort": "ok"},
    "run out": {"sign": "ticket_expired", "verify": "upload_expired", "abort": "ok"},
    "reaped": {"sign": "ticket_used", "verify": "upload_expired", "abort": "ok"},
    "verified": {"sign": "ticket_used", "verify": "ok", "abort": "ticket_used"},
    "aborted": {"sign": "ticket_used", "verify": "upload_aborted", "abort": "ok"},
    "failed": {"sign": "ticket_used", "verify": "upload_failed", "abort": "ok"},
}


def bring_to(age: str, ticket: UploadTicket, actor: str) -> None:
    if age in ("run out", "reaped"):
        run_out(ticket)
    if age == "reaped":
        abort_incomplete_uploads()
    if age == "verified":
        verify_upload(ticket.ticket, actor=actor)
    if age == "aborted":
        abort_upload(ticket.ticket, actor=actor)
    if age == "failed":
        UploadSession.objects.filter(pk=ticket.session_id).update(byte_size=1)
        assert code_of(verify_upload, ticket.ticket, actor=actor) == "length_mismatch"


def answer(verb: str, ticket: str, actor: Any) -> str:
    try:
        VERBS[verb](ticket, actor=actor)
    except Exception as error:
        return str(getattr(error, "code", repr(error)))
    return "ok"


@pytest.mark.django_db
@pytest.mark.parametrize("profile", ["photo", "plain", "guarded", "open"])
@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("verb", VERBS)
def test_every_age_has_its_answer_and_a_foreigner_learns_none_of_it(
    verb: str, age: str, profile: str
):
    ticket = promise(profile=profile, actor=OWNER)
    stage(ticket.asset_id, JPEG)
    bring_to(age, ticket, OWNER)
    before = session_of(ticket).state
    for stranger in ("auth.user:2", "auth.user:10", "session:1", "", None):
        assert answer(verb, ticket.ticket, stranger) == "session_not_found"
    assert session_of(ticket).state == before
    assert answer(verb, ticket.ticket, OWNER) == AGES[age][verb]
    replayed = {"sign": "ok", "verify": "ok", "abort": "ok"}[verb]
    expected = replayed if AGES[age][verb] == "ok" else AGES[age][verb]
    assert answer(verb, ticket.ticket, OWNER) == expected


def test_a_ticket_of_nobodys_upload_is_of_use_to_nobody_else():
    ticket = promise()
    assert code_of(sign_upload, ticket.ticket, actor=OWNER) == "session_not_found"
    assert sign_upload(ticket.ticket).method == "PUT"


def forged() -> list[str]:
    session = "0" * 32
    return [
        "",
        ":",
        session,
        f"{session}:",
        f"{session}:{'A' * 43}",
        signing.Signer(salt="other").sign(session),
        signing.Signer(key="guessed", salt="rindle.ticket").sign(session),
        signing.Signer(salt="rindle.ticket").sign("no-uuid"),
        "\x00" * 10,
        "\ud800:x",
        "я" * 50,
        "x" * 100_000,
        "a:b:c:d",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("ticket", forged(), ids=lambda ticket: repr(ticket[:20]))
@pytest.mark.parametrize("verb", VERBS)
def test_a_forged_ticket_is_refused(verb: str, ticket: str):
    assert answer(verb, ticket, OWNER) == "ticket_invalid"


def test_a_changed_ticket_is_refused():
    genuine, other = promise(actor=OWNER).ticket, promise(actor=OWNER).ticket
    swapped = other.partition(":")[0] + ":" + genuine.partition(":")[2]
    for changed in (genuine[:-1], genuine + "A", genuine.upper(), " " + genuine, swapped):
        assert code_of(verify_upload, changed, actor=OWNER) == "ticket_invalid"


def test_a_ticket_whose_rows_are_gone_looks_like_a_foreign_one():
    ticket = promise(actor=OWNER)
    session_of(ticket).delete()
    assert code_of(verify_upload, ticket.ticket, actor=OWNER) == "session_not_found"


def test_tickets_survive_a_rotation_of_the_secret_key(settings: Settings):
    ticket = promise(actor=OWNER)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new one"
    assert sign_upload(ticket.ticket, actor=OWNER).method == "PUT"
    settings.SECRET_KEY_FALLBACKS = []
    assert code_of(sign_upload, ticket.ticket, actor=OWNER) == "ticket_invalid"
