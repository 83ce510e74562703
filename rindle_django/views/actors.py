"""Who a request speaks for."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from rindle_django.errors import RequestRefused
from rindle_django.profiles import Profile


def actor_of(request: HttpRequest) -> Any:
    """The user; for a visitor a name for the session, if there is one; None for a stranger."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return user
    session = getattr(request, "session", None)
    return _visitor(session.session_key) if session and session.session_key else None


def _visitor(session_key: str) -> str:
    """A session's key is a password to the session, so rows and pages get a digest of it."""
    return "session:" + salted_hmac("rindle.visitor", session_key, algorithm="sha256").hexdigest()


def uploader_of(request: HttpRequest, profile: type[Profile]) -> Any:
    """Who uploads. Uploads are for users; a profile can open itself to visitors.

    A visitor is known by the session, which is begun here if need be. Raises
    RequestRefused("not_allowed").
    """
    actor = actor_of(request)
    if actor is not None and not isinstance(actor, str):
        return actor
    if not profile.anonymous_uploads or not hasattr(request, "session"):
        raise RequestRefused("not_allowed", action="upload")
    if not request.session.session_key:
        request.session.create()
    return actor_of(request)
