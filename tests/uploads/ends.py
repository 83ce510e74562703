"""The ways in which an upload ends."""

from __future__ import annotations

from typing import Any

from rindle_django import abort_upload, verify_upload
from rindle_django.operations.cleanup import abort_incomplete_uploads
from tests.kit import (
    JPEG,
    code_of,
    run_out,
    session_of,
    stage,
)


def end_by(ticket: Any, end: str) -> None:
    if end == "verified":
        stage(ticket.asset_id, JPEG)
        verify_upload(ticket.ticket)
    elif end == "failed":
        stage(ticket.asset_id, JPEG + b"more")
        assert code_of(verify_upload, ticket.ticket) == "length_mismatch"
    elif end == "aborted":
        abort_upload(ticket.ticket)
    else:
        run_out(ticket)
        abort_incomplete_uploads()
    expected = "completed" if end == "verified" else end
    assert session_of(ticket).state == expected
