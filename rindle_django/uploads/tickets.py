"""Tickets: the proof that a client was promised one upload. The session row is the authority."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.core import signing

from rindle_django.actors import actor_id
from rindle_django.errors import RequestRefused
from rindle_django.models import Asset, StoredObject, UploadSession, read


def issue(session: UploadSession) -> str:
    """A ticket for ``session``: opaque, of one purpose, useless to another actor."""
    return signing.Signer(salt="rindle.ticket").sign(session.pk.hex)


def redeem(ticket: str, actor: Any = None) -> UploadSession:
    """The session that ``ticket`` stands for.

    Raises RequestRefused: "ticket_invalid" if it was not issued here, "session_not_found" if its
    session is gone or belongs to another actor; the two look alike to a stranger.
    """
    try:
        identity = uuid.UUID(hex=signing.Signer(salt="rindle.ticket").unsign(ticket))
    except (signing.BadSignature, ValueError):
        raise RequestRefused("ticket_invalid") from None
    wanted = {"session": UploadSession, "asset": Asset, "staging": StoredObject}
    found = read(wanted, _PROMISED, [identity, actor_id(actor)])
    if not found:
        raise RequestRefused("session_not_found")
    [[session, session.asset, session.staging]] = found
    return cast("UploadSession", session)


_PROMISED = """
rindle_uploadsession session
JOIN rindle_asset asset ON asset.id = session.asset_id
JOIN rindle_storedobject staging ON staging.id = session.staging_id
WHERE session.id = %s::uuid AND session.actor = %s
"""


def traced_as(session: UploadSession) -> dict[str, Any]:
    """How a span about an upload is placed and named: in the trace of whoever asks, or else in
    the one that the upload was begun in."""
    about = {"rindle.profile": session.profile, "rindle.asset_id": str(session.asset_id)}
    return {"origin": session.asset.traceparent, "attributes": about}
