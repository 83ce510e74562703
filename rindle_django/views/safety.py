"""What every response with user bytes bears, and what it never does."""

from __future__ import annotations

from typing import TypeVar

from django.http.response import HttpResponseBase

R = TypeVar("R", bound=HttpResponseBase)

# A response of user bytes may be looked at, and do nothing else (S20).
SAFETY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "same-site",
    "Referrer-Policy": "no-referrer",
}
# A browser makes a page of its own around a film that is opened by itself. In a sandbox that page
# may not load the film; a film has no script to be kept from, and none may come from elsewhere.
PLAYED = ("audio/", "video/")
PLAYED_POLICY = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'"


def made_safe(response: R) -> R:
    """With ``SAFETY_HEADERS``, and deaf to whoever wants to set a cookie.

    A session that is saved on every request would put its cookie on a file, and a cache that keeps
    the file would hand it to the next visitor (S21).
    """
    for name, value in SAFETY_HEADERS.items():
        response.headers[name] = value
    if response.headers.get("Content-Type", "").startswith(PLAYED):
        response.headers["Content-Security-Policy"] = PLAYED_POLICY
    response.set_cookie = _no_cookie  # type: ignore[method-assign]
    return response


def _no_cookie(*args: object, **kwargs: object) -> None:
    pass
