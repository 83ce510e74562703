"""Which part of a file a request asks for: one range of bytes, as RFC 9110 has it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.http import parse_http_date_safe

from rindle_django.errors import RequestRefused

# Longer than any one range. Nobody is sent many at once: ten thousand of one byte each cost more to
# answer than to ask for (S22).
MAX_HEADER = 64
_ONE_RANGE = re.compile(r"bytes=\s*([0-9]*)-([0-9]*)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """``first`` and ``last`` are both sent."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def requested_range(
    request: HttpRequest, *, size: int, etag: str, modified: int
) -> ByteRange | None:
    """None stands for the whole file: nothing less was asked for, or not in a way that we answer,
    or the part was to continue another file.

    Raises RequestRefused("range_not_satisfiable").
    """
    header = request.headers.get("Range", "")
    if request.method != "GET" or not header or not _continues(request, etag, modified):
        return None
    return parsed(header, size)


def parsed(header: str, size: int) -> ByteRange | None:
    """The range of ``header`` in a file of ``size`` bytes.

    None for other units, several ranges and what is no range. Raises
    RequestRefused("range_not_satisfiable").
    """
    found = _ONE_RANGE.fullmatch(header) if len(header) <= MAX_HEADER else None
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        return _suffix(int(found[2]), size)
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    if first >= size:
        raise RequestRefused("range_not_satisfiable", size=size)
    return ByteRange(first, last)


def _suffix(length: int, size: int) -> ByteRange | None:
    """The last ``length`` bytes. Of an empty file that is the whole of it (W4.9)."""
    if length == 0:
        raise RequestRefused("range_not_satisfiable", size=size)
    return ByteRange(max(0, size - length), size - 1) if size else None


def _continues(request: HttpRequest, etag: str, modified: int) -> bool:
    """Whether ``If-Range`` names this very file: by its strong ETag, or its exact date."""
    condition = request.headers.get("If-Range", "").strip()
    if not condition or condition == etag:
        return True
    return parse_http_date_safe(condition) == modified
