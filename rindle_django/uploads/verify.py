"""Ending an upload: verified once, however often and by however many it is asked; or aborted."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from rindle_django import claims, jobs, ledger, telemetry
from rindle_django.conf import config, database
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import asked_by, lock_of, locked, transition
from rindle_django.models import Asset, UploadSession
from rindle_django.moves import Condition
from rindle_django.purge import discard_locked
from rindle_django.states import OPEN_SESSION_STATES
from rindle_django.storage import ObjectStat, adapter_for
from rindle_django.uploads.tickets import redeem, traced_as


def verify_upload(ticket: str, *, actor: Any = None) -> Asset:
    """Confirm that the bytes have arrived; the asset becomes ``validating``, its job is queued.

    Idempotent: any number of calls, also at the same time, give one completed session, one job
    and the same asset. Raises RequestRefused: "object_missing" (not there yet, ask again),
    "length_mismatch", "upload_expired", "upload_aborted", "upload_failed" and those of ``redeem``.
    """
    session = redeem(ticket, actor)
    with asked_by(actor), telemetry.span("rindle.verify", **traced_as(session)):
        return verify_session(session)


def verify_session(session: UploadSession) -> Asset:
    """``verify_upload`` for a session already at hand."""
    if session.state == "completed":
        return session.asset
    _refuse_ended(session)
    arrived = adapter_for(session.staging.storage).stat(session.staging.key)
    if arrived is None:
        return _answer_without_object(session)
    if session.byte_size is not None and arrived.size != session.byte_size:
        return _refuse_length(session, arrived)
    return _complete(session, arrived)


def _complete(session: UploadSession, arrived: ObjectStat) -> Asset:
    asset = session.asset
    with transaction.atomic(using=database()):
        confirmation = ledger.confirmation(
            session.staging,
            byte_size=arrived.size,
            content_type=session.content_type,
            writable_for=_writable_for(session),
        )
        # Its row is locked first, as everywhere; nothing that is read of it here can have changed.
        in_time = Condition("expires_at > statement_timestamp()") & lock_of(asset)
        if transition(session, "verifying", where=in_time, along=confirmation):
            transition(
                asset,
                "validating",
                byte_size=arrived.size,
                traceparent=telemetry.current_traceparent() or asset.traceparent,
                **claims.due_in(0),
            )
            transition(session, "completed", verified_at=Now())
            jobs.enqueue(jobs.PROMOTE, asset_id=str(asset.pk))
            return asset
    return _answer_of_the_winner(session)


def _writable_for(session: UploadSession) -> float:
    """How long a client that holds a signed URL could still write the staging key."""
    signed = session.state != "initialized"
    if not signed or adapter_for(session.staging.storage).capabilities.revocable_put:
        return 0.0
    return config().SIGN_TTL + config().LATE_PUT_GRACE


def _answer_without_object(session: UploadSession) -> Asset:
    """Not yet there, or not any more.

    Only an open upload can be waited for: whoever verified it meanwhile may have had it
    promoted and its staged bytes removed (W1.14), and nobody can send bytes to one that is over."""
    waiting = Q(state__in=OPEN_SESSION_STATES, expires_at__gt=Now())
    if UploadSession.objects.filter(waiting, pk=session.pk).exists():
        raise RequestRefused("object_missing")
    return _answer_of_the_winner(session)


def _answer_of_the_winner(session: UploadSession) -> Asset:
    """Somebody else ended the session, or time did: give what they gave."""
    current = UploadSession.objects.select_related("asset").filter(pk=session.pk).first()
    if current is None:
        raise RequestRefused("session_not_found")
    if current.state == "completed":
        return current.asset
    _refuse_ended(current)
    raise RequestRefused("upload_expired")


def _refuse_ended(session: UploadSession) -> None:
    if session.state == "failed":
        raise RequestRefused("upload_failed", reason=session.reason or session.reason_code)
    if session.state in ("aborted", "expired"):
        raise RequestRefused(f"upload_{session.state}")


def _refuse_length(session: UploadSession, arrived: ObjectStat) -> Asset:
    error = RequestRefused("length_mismatch", received=arrived.size, expected=session.byte_size)
    fail_session(session, error)
    raise error


def fail_session(session: UploadSession, error: RequestRefused) -> bool:
    """End the session for a fault of its bytes and give its objects up."""
    return _end(session, "failed", reason_code=error.code, reason=str(error))


def abort_upload(ticket: str, *, actor: Any = None) -> None:
    """Give an upload up. Doing so twice is the same as once; a completed one is not undone."""
    session = redeem(ticket, actor)
    with asked_by(actor), telemetry.span("rindle.abort", **traced_as(session)):
        if not _end(session, "aborted"):
            session.refresh_from_db()
            if session.state not in ("aborted", "expired", "failed"):
                raise RequestRefused("ticket_used", state=session.state)


def _end(session: UploadSession, state: str, **reason: Any) -> bool:
    with locked(session.asset_id) as asset:
        session.asset = asset
        ended = transition(session, state, only_from=OPEN_SESSION_STATES, **reason)
        if ended:
            discard_locked(asset, **reason)
    return ended


def expire_session(session: UploadSession) -> bool:
    """Mark a session whose time is over; False if it was verified or ended meanwhile (U1, W1.1).

    Its bytes are left to cleanup, and never looked at if the session was completed.
    """
    with locked(session.asset_id) as asset:
        session.asset = asset
        return transition(
            session,
            "expired",
            where=Condition("expires_at <= statement_timestamp()"),
            reason_code="upload_expired",
        )
