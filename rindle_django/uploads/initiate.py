"""Beginning an upload: the session and its ledger row first, then a URL the client may PUT to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from rindle_django import ledger, telemetry
from rindle_django.actors import actor_id
from rindle_django.conf import config, database
from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import asked_by, record_births, transition
from rindle_django.models import PROMOTE_TRIES, Asset, UploadSession
from rindle_django.profiles import Profile, get_profile
from rindle_django.storage import SignedRequest, adapter_for
from rindle_django.uploads.declared import Declared, check_declared
from rindle_django.uploads.tickets import issue, redeem


@dataclass(frozen=True)
class UploadTicket:
    """What a client needs to go on. ``expires_in`` is in seconds from now."""

    ticket: str
    session_id: str
    asset_id: str
    expires_in: int


def initiate_upload(
    profile: str | type[Profile],
    *,
    filename: str,
    content_type: str,
    byte_size: int,
    sha256: str = "",
    actor: Any = None,
) -> UploadTicket:
    """Promise one upload to ``actor``.

    ``byte_size`` is the exact length in bytes, ``sha256`` its hexadecimal digest if the client
    knows it. Raises RequestRefused when the profile does not take such a file or the authorizer
    says no, and Misconfigured when the file could be stored but not decoded here.
    """
    declaring = get_profile(profile)
    declaring.authorize(actor, "upload")
    if byte_size is None:  # from JSON; only a stream of the server's own has no length yet
        raise RequestRefused("length_invalid")
    declared = check_declared(
        declaring,
        filename=filename,
        content_type=content_type,
        byte_size=byte_size,
        sha256=sha256,
    )
    session = open_session(declaring, declared, actor)
    return UploadTicket(
        ticket=issue(session),
        session_id=str(session.pk),
        asset_id=str(session.asset_id),
        expires_in=config().UPLOAD_TTL,
    )


def open_session(profile: type[Profile], declared: Declared, actor: Any) -> UploadSession:
    """Write asset, ledger row and session down, in one transaction, before any byte may come."""
    adapter_for(profile.storage)  # an alias that does not exist is said here, not in the worker
    owner, ttl = actor_id(actor), config().UPLOAD_TTL
    with transaction.atomic(using=database()):
        asset = Asset.objects.create(
            profile=profile.name,
            storage=profile.storage,
            actor=owner,
            filename=declared.filename,
            max_attempts=PROMOTE_TRIES,
            traceparent=telemetry.current_traceparent(),
        )
        session = UploadSession.objects.create(
            asset=asset,
            profile=profile.name,
            actor=owner,
            filename=declared.filename,
            content_type=declared.content_type,
            byte_size=declared.byte_size,
            sha256=declared.sha256,
            staging=ledger.expect(asset, "staging", settles_in=ttl + config().LATE_PUT_GRACE),
            expires_at=Now() + timedelta(seconds=ttl),
        )
        with asked_by(actor):
            record_births([asset])
            record_births([session])
    return session


def sign_upload(ticket: str, *, actor: Any = None) -> SignedRequest:
    """The request by which the client sends its bytes straight to storage.

    It may be asked for again when a URL was lost or ran out (U7), as long as the upload is open.
    Raises RequestRefused: "ticket_used", "ticket_expired" and those of ``redeem``.
    """
    session = redeem(ticket, actor)
    remaining = int((session.expires_at - timezone.now()).total_seconds())
    if session.state in ("initialized", "signed") and remaining <= 0:
        raise RequestRefused("ticket_expired")
    with asked_by(actor):
        signed = session.state == "signed" or transition(session, "signed")
    if not signed:
        session.refresh_from_db()
        if session.state != "signed":
            raise RequestRefused("ticket_used", state=session.state)
    return adapter_for(session.staging.storage).sign_put(
        session.staging.key,
        length=session.byte_size or 0,
        content_type=session.content_type,
        sha256=session.sha256 or None,
        expires_in=min(config().SIGN_TTL, remaining),
    )
