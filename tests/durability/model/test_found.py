"""What the machine found in the library, each reduced to a few lines."""

from __future__ import annotations

import pytest

from rindle_django import discard, sign_upload, verify_upload
from rindle_django.models import Transition
from tests.kit import JPEG, promise, queued_jobs, refused, session_of, stage

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_upload_that_is_discarded_while_it_is_open_cannot_be_completed():
    """It was: the client was thanked for an asset that had been deleted already."""
    ticket = promise()
    sign_upload(ticket.ticket)
    stage(ticket.asset_id, JPEG)
    assert discard(ticket.asset_id)
    with refused("upload_aborted"):
        verify_upload(ticket.ticket)
    assert session_of(ticket).state == "aborted"
    assert queued_jobs("rindle:promote_asset") == []
    steps = Transition.objects.filter(subject="session").order_by("id")
    assert [step.to_state for step in steps] == ["initialized", "signed", "aborted"]
