"""The admin's Content-Security-Policy: nothing inline, nothing from elsewhere but pictures."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def admin_policy(
    respond: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that sends the policy with every page of the admin."""

    def sending(request: HttpRequest) -> HttpResponse:
        response = respond(request)
        if request.path.startswith("/admin/"):
            pictures = getattr(settings, "GALLERY_MEDIA_ORIGIN", "")
            policy = f"default-src 'self'; img-src 'self' {pictures}".strip()
            response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return sending
