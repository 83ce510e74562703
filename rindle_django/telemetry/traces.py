"""Spans: where a trace comes from, how it goes on in another process, and what spans may say.

The trace of an asset is that of the request that verified its upload. Its W3C ``traceparent`` is
kept on the row, and whatever is done for the asset later goes on with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from rindle_django.errors import Kind, classify, reason_code
from rindle_django.telemetry.names import SCOPE, SPANS

try:
    from opentelemetry import propagate, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    AVAILABLE = True
except ImportError:  # the extra is not installed
    AVAILABLE = False

P = ParamSpec("P")
R = TypeVar("R")
Value = str | int | bool


class Span:
    """What is going on, as far as it is traced; says only what its name is declared to say."""

    def __init__(self, name: str, started: Any = None) -> None:
        self._name = name
        self._started = started

    def say(self, attributes: Mapping[str, Value]) -> None:
        _check(self._name, attributes)
        if self._started is not None:
            self._started.set_attributes(attributes)

    def failed(self, error: BaseException) -> None:
        """End in an error, told by its code alone: messages hold names, keys and URLs (S29).

        A request that is refused is no error of ours.
        """
        code = reason_code(error)
        if classify(error) is Kind.REQUEST:
            self.say({"rindle.reason": code})
            return
        self.say({"error.type": code})
        if self._started is not None:
            self._started.set_status(trace.StatusCode.ERROR, code)
            kind = f"{type(error).__module__}.{type(error).__qualname__}"
            self._started.add_event("exception", {"exception.type": kind})


def _check(name: str, attributes: Mapping[str, Value]) -> None:
    undeclared = set(attributes) - set(SPANS[name].attributes)
    assert not undeclared, f"{name} does not say {undeclared}"


@contextmanager
def span(
    name: str,
    *,
    parent: str = "",
    origin: str = "",
    attributes: Mapping[str, Value] | None = None,
) -> Iterator[Span]:
    """A span. ``parent`` is the ``traceparent`` of what this is done for, and is gone on with: if
    another trace is going on here, the span links to it. ``origin`` is gone on with only if none
    is, else linked to.
    """
    known = dict(attributes or {})
    _check(name, known)
    if not AVAILABLE:
        yield Span(name)
        return
    context, links = _place(parent) if parent else _place_after(origin)
    with _started(name, context, links=links, attributes=known) as begun:
        yield begun


@contextmanager
def received(name: str, headers: Mapping[str, str]) -> Iterator[Span]:
    """The span of a request: below the one that is there already, else as its headers say."""
    if not AVAILABLE:
        yield Span(name)
        return
    inside = trace.get_current_span().get_span_context().is_valid
    context = None if inside else propagate.extract(headers)
    kind = trace.SpanKind.INTERNAL if inside else trace.SpanKind.SERVER
    with _started(name, context, kind=kind) as begun:
        yield begun


@contextmanager
def _started(name: str, context: Any, **about: Any) -> Iterator[Span]:
    with trace.get_tracer(SCOPE).start_as_current_span(
        name,
        context=context,
        **about,  # what is known now, samplers may decide by
        record_exception=False,  # with its message and its lines of code
        set_status_on_exception=False,
    ) as started:
        begun = Span(name, started)
        try:
            yield begun
        except Exception as error:
            begun.failed(error)
            raise


def _place(parent: str) -> tuple[Any, list[Any]]:
    """The context to go on with, and links to what else is going on."""
    here = trace.get_current_span().get_span_context()
    there = _context_of(parent)
    if there is None or there.trace_id == here.trace_id:
        return None, []
    context = trace.set_span_in_context(trace.NonRecordingSpan(there))
    return context, [trace.Link(here)] if here.is_valid else []


def _place_after(origin: str) -> tuple[Any, list[Any]]:
    here, there = trace.get_current_span().get_span_context(), _context_of(origin)
    if not here.is_valid:
        return _place(origin)
    elsewhere = there is not None and there.trace_id != here.trace_id
    return None, [trace.Link(there)] if elsewhere else []


def _context_of(traceparent: str) -> Any:
    if not traceparent:
        return None
    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    found = trace.get_current_span(context).get_span_context()
    return found if found.is_valid else None


def traced(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Put each call of a function into a span."""

    def around(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def calling(*args: P.args, **kwargs: P.kwargs) -> R:
            with span(name):
                return function(*args, **kwargs)

        return calling

    return around


def current_traceparent() -> str:
    """The W3C ``traceparent`` of the current span, to be stored on a row; empty if none."""
    if not AVAILABLE:
        return ""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", "")


def tracing() -> bool:
    """Whether anybody has set up tracing. For what costs a query to know."""
    return AVAILABLE and not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def link(traceparent: str, asset_id: object) -> None:
    """Have the current span point to the trace of an asset that it has to do with."""
    if not AVAILABLE:
        return
    current = trace.get_current_span()
    there = _context_of(traceparent) if current.is_recording() else None
    if there is not None and there.trace_id != current.get_span_context().trace_id:
        current.add_link(there, {"rindle.asset_id": str(asset_id)})


def noting() -> bool:
    """Whether there is a span that would keep a note."""
    return bool(trace.get_current_span().is_recording())


def note(name: str, attributes: Mapping[str, Value | float]) -> None:
    """An event on the current span."""
    current = trace.get_current_span()
    if current.is_recording():
        current.add_event(name, attributes=dict(attributes))
