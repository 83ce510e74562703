"""The page's Content-Security-Policy: own scripts and styles only, media from where it lives."""

from __future__ import annotations

import functools
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

View = Callable[[HttpRequest], HttpResponse]


def strict_policy(view: View) -> View:
    """Send the policy with each answer of ``view``."""

    @functools.wraps(view)
    def sending(request: HttpRequest) -> HttpResponse:
        response = view(request)
        response.headers["Content-Security-Policy"] = _policy()
        return response

    return sending


def _policy() -> str:
    storage = getattr(settings, "GALLERY_MEDIA_ORIGIN", "")
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": f"'self' blob: {storage}",  # blob: is the preview of a file not yet sent
        "media-src": f"'self' blob: {storage}",
        "connect-src": f"'self' {storage}",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {sources}".strip() for name, sources in directives.items())
