"""How the bytes of a file leave: whole or in part, by us under WSGI and ASGI, or by the web server
before us.
"""

from __future__ import annotations

from typing import BinaryIO, Self
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from rindle_django.conf import config
from rindle_django.storage.filesystem import FileSystemAdapter
from rindle_django.views.ranges import ByteRange

# Bytes in memory for each who is being served.
CHUNK = 256 << 10


class _Piece:
    """``length`` bytes of ``stream`` from where it stands; closes it."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream = stream
        self._left = length

    def close(self) -> None:
        self._stream.close()

    def read(self) -> bytes:
        chunk = self._stream.read(min(CHUNK, self._left))
        self._left -= len(chunk)
        return chunk


class _Blocking(_Piece):
    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if chunk := self.read():
            return chunk
        raise StopIteration


class _Awaited(_Piece):
    """Read in threads: a slow disk does not hold up who else is being served."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if chunk := await sync_to_async(self.read, thread_sensitive=False)():
            return chunk
        raise StopAsyncIteration


def file_response(
    request: HttpRequest, stream: BinaryIO, size: int, part: ByteRange | None
) -> HttpResponseBase:
    """All of ``stream``, or a part; the response closes it."""
    length = part.length if part else size
    response = _body(request, stream, part, length)
    response.headers["Content-Length"] = str(length)
    response.headers["Accept-Ranges"] = "bytes"
    if part is not None:
        response.headers["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
    return response


def _body(
    request: HttpRequest, stream: BinaryIO, part: ByteRange | None, length: int
) -> HttpResponseBase:
    if request.method == "HEAD":
        stream.close()
        return HttpResponse()
    if part is not None:
        stream.seek(part.first)
    status = 206 if part else 200
    if isinstance(request, ASGIRequest):
        return StreamingHttpResponse(_Awaited(stream, length), status=status)
    if part is None:  # a server that can sends the file without reading it
        return FileResponse(stream)
    return StreamingHttpResponse(_Blocking(stream, length), status=status)


def handed_over(adapter: FileSystemAdapter, key: str) -> HttpResponse | None:
    """A response by which the web server sends the file, if it was set up to; ranges and
    conditions are then answered by it."""
    way = config().SENDFILE
    if way is None:
        return None
    path = str(adapter.path_of(key))
    if way == "x-accel-redirect":
        path = f"{config().SENDFILE_PREFIX.rstrip('/')}/{quote(adapter.alias, safe='')}/{key}"
    return HttpResponse(headers={way.title(): path})
