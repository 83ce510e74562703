"""Serving the text of a stream or a storyboard, with signed URLs of the files that it names."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from rindle_django.delivery.manifest import read_manifest
from rindle_django.storage import tokens
from rindle_django.views.json import answers_json
from rindle_django.views.safety import made_safe


@require_safe
@answers_json
def manifest(request: HttpRequest, token: str) -> HttpResponse:  # noqa: ARG001
    """Signed anew each time, and never kept: what was taken back stops with the next request."""
    found = read_manifest(tokens.read_manifest(token))
    return made_safe(HttpResponse(found.text, content_type=found.content_type))
