"""How errors and bodies travel: JSON in, JSON out, never a stack trace."""

from __future__ import annotations

import functools
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from rindle_django import telemetry
from rindle_django.errors import Kind, RequestRefused, RindleError
from rindle_django.lifecycle import caused_by

logger = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)

MAX_BODY = 64 * 1024
# Whoever sends it may write anything into it.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def answers_json(
    view: Callable[Concatenate[HttpRequest, P], R],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Turn the library's errors into ``{"error": {"code", "message"}}`` with their status.

    The view runs outside ATOMIC_REQUESTS: storage is never called inside a transaction.
    """

    @functools.wraps(view)
    def answering(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        with (
            _watched(view.__name__, request) as (timing, span),
            caused_by(**_request_of(request, view)),
        ):
            try:
                response: HttpResponseBase = view(request, *args, **kwargs)
            except RindleError as error:
                response = refusal(error)
                timing.failed(error)
                span.failed(error)
            span.say({"http.response.status_code": response.status_code})
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    outside: Callable[Concatenate[HttpRequest, P], HttpResponseBase]
    outside = transaction.non_atomic_requests(answering)
    return outside


def _request_of(request: HttpRequest, view: Callable[..., object]) -> dict[str, str]:
    """What history says of a request: no address, no agent, and its id only if it looks like one.

    Who asks is named by the verbs, as the rows name it.
    """
    named = {"request": f"{request.method} {getattr(view, '__name__', 'view')}"}
    identity = request.headers.get("X-Request-ID", "")
    if REQUEST_ID.fullmatch(identity):
        named["request_id"] = identity
    return named


@contextmanager
def _watched(view: str, request: HttpRequest) -> Iterator[tuple[telemetry.Timing, telemetry.Span]]:
    """Goes on with the trace that the browser's ``traceparent`` names, if it sent one."""
    with (
        telemetry.timed("rindle.request.duration", {"view": view}) as timing,
        telemetry.received(f"rindle.request.{view}", request.headers) as span,
    ):
        span.say({"http.request.method": request.method or ""})
        yield timing, span


def refusal(error: RindleError) -> JsonResponse:
    """The response that says what is wrong, and what can be done about it."""
    if error.kind is Kind.CONFIGURATION:
        # The text is for operators; the client learns that it is not the client's fault.
        logger.error("%s: %s", error.code, error)
    body = {"error": {"code": error.code, "message": str(error)}}
    return JsonResponse(body, status=error.status)


def body_of(request: HttpRequest) -> dict[str, Any]:
    """The request's JSON object. Raises RequestRefused("request_invalid")."""
    sent = request.read(MAX_BODY + 1)  # a header may say anything, or be missing
    if len(sent) > MAX_BODY:
        raise RequestRefused("request_invalid", why="the body is too long")
    try:
        body = json.loads(sent)
    except (ValueError, RecursionError):  # the latter for thousands of nested brackets
        raise RequestRefused("request_invalid", why="the body is not JSON") from None
    if not isinstance(body, dict):
        raise RequestRefused("request_invalid", why="the body is not a JSON object")
    return body


def text(body: dict[str, Any], name: str, default: str | None = None) -> str:
    """A text field of the body. Raises RequestRefused("request_invalid")."""
    value = body.get(name, default)
    if not isinstance(value, str):
        raise RequestRefused("request_invalid", why=f"{name} must be text")
    return value
