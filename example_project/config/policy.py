"""The admin's Content-Security-Policy: nothing inline, nothing from elsewhere but pictures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def admin_policy(respond: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware that sends the policy with every page of the admin.

    Of both kinds, so that a request of an ASGI server need not change threads for it.
    """

    async def sending_async(request: HttpRequest) -> HttpResponse:
        answer: Awaitable[HttpResponse] = respond(request)
        return _guarded(request, await answer)

    def sending(request: HttpRequest) -> HttpResponse:
        return _guarded(request, respond(request))

    return sending_async if iscoroutinefunction(respond) else sending


def _guarded(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if request.path.startswith("/admin/"):
        pictures = getattr(settings, "GALLERY_MEDIA_ORIGIN", "")
        policy = f"default-src 'self'; img-src 'self' {pictures}".strip()
        response.headers.setdefault("Content-Security-Policy", policy)
    return response
