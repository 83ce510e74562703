"""Progress as it happens: a stream of server-sent events, of one asset or of several.

A stream hears that something changed, and then reads; so it loses nothing, and what it may not
show any more it stops showing. It holds no database connection while it waits.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, InterfaceError, connections
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from rindle_django.errors import Misconfigured, RequestRefused, RindleError
from rindle_django.live import hub
from rindle_django.models import Asset
from rindle_django.views.actors import actor_of
from rindle_django.views.json import answers_json_async, error_body
from rindle_django.views.progress import RESTING, described, load_all, mark_of

logger = logging.getLogger(__name__)
T = TypeVar("T")

AT_MOST = 100  # assets of one stream
LIFE = 300.0  # seconds; the browser begins anew, and so is asked again who it is
FIRST_WORD = 3.0  # within which changes are heard, or it is read without
HEARTBEAT = 15.0  # also the longest that a lost word can delay a change
PAUSE = 0.25  # between two readings
RETRY = 2000  # milliseconds after which a browser comes back
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    # Whoever compresses would hold events back until a block of them is full.
    "Content-Encoding": "identity",
}


@require_GET
@answers_json_async
async def events(request: HttpRequest, asset_id: uuid.UUID | None = None) -> HttpResponseBase:
    """The progress of one asset, or of those that ``?asset=`` names, until all are at rest."""
    keys = _named_in(request) if asset_id is None else [str(asset_id)]
    return await _answer(request, keys)


def _named_in(request: HttpRequest) -> list[str]:
    try:
        keys = {str(uuid.UUID(each)) for each in request.GET.getlist("asset")}
    except ValueError:
        raise RequestRefused("request_invalid", why="an asset's id is a UUID") from None
    if not 1 <= len(keys) <= AT_MOST:
        raise RequestRefused("request_invalid", why=f"name 1 to {AT_MOST} assets")
    return sorted(keys)


async def _answer(request: HttpRequest, keys: Sequence[str]) -> HttpResponseBase:
    if not isinstance(request, ASGIRequest):
        # No fault that anybody has to look into: a page that is told so asks from time to time.
        error = Misconfigured("events_need_asgi")
        return JsonResponse(error_body(error), status=error.status)
    reader = Reader(request, frozenset(keys))
    await _in_thread(reader.admit)
    return StreamingHttpResponse(_stream(reader), headers=HEADERS)


async def _stream(reader: Reader) -> AsyncIterator[str]:
    """Events until all is at rest, the stream's life is over, or the client has gone.

    Nothing is begun before the first event is asked for, so that nothing is left where none is.
    """
    yield f"retry: {RETRY}\n\n"
    loop = asyncio.get_running_loop()
    end = loop.time() + LIFE * random.uniform(0.9, 1.0)  # noqa: S311  # not all at once
    patience = FIRST_WORD
    with hub().subscribed(reader.keys) as subscription:
        while (left := end - loop.time()) > 0:
            changed = await subscription.news(min(patience, left))
            patience = HEARTBEAT
            for event in await _read(reader, changed or reader.keys):
                yield event
            if not reader.waiting:
                yield _event("done", {})
                return
            if not changed:
                yield ": still here\n\n"
            await asyncio.sleep(PAUSE)


async def _read(reader: Reader, keys: Collection[str]) -> list[str]:
    try:
        return await _in_thread(reader.read, keys)
    except (DatabaseError, InterfaceError) as fault:
        # It comes back, or the heartbeat tries again: no reason to send everybody away.
        logger.warning("Progress could not be read: %s.", type(fault).__name__)
        return []


async def _in_thread(read: Callable[..., T], *arguments: Any) -> T:
    """Run in one of the few threads that all share, and leave no connection open behind it.

    Not in the request's own thread: that would be one for each stream, however long it lives.
    """

    def reading() -> T:
        try:
            return read(*arguments)
        finally:
            connections.close_all()

    return await sync_to_async(reading, thread_sensitive=False)()


@dataclass
class Reader:
    """Reads for one stream, in a thread, and knows what it has told already."""

    request: HttpRequest
    keys: frozenset[str]
    told: dict[str, tuple[object, ...]] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.waiting |= self.keys

    def admit(self) -> None:
        """Raises RequestRefused where there is nothing that this actor may follow."""
        if not load_all(self.keys, actor_of(self.request)):
            raise RequestRefused("asset_not_found")

    def read(self, keys: Collection[str]) -> list[str]:
        """What is new of these assets, as events."""
        keys = set(keys) - self.refused
        assets = {str(each.pk): each for each in load_all(keys, actor_of(self.request))}
        return [event for key in sorted(keys) for event in self._look(key, assets.get(key))]

    def _look(self, key: str, asset: Asset | None) -> Iterator[str]:
        try:
            if asset is None:
                raise RequestRefused("asset_not_found")
            yield from self._tell(key, asset)
        except RindleError as error:
            self.refused.add(key)
            self.waiting.discard(key)
            yield _event("refused", {"id": key, **error_body(error)})

    def _tell(self, key: str, asset: Asset) -> Iterator[str]:
        mark = mark_of(asset)
        if self.told.get(key) == mark:
            return
        yield _event("progress", {"asset": described(asset, actor_of(self.request))})
        self.told[key] = mark
        if asset.state in RESTING:
            self.waiting.discard(key)
        else:
            self.waiting.add(key)


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
