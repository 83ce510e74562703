"""What parent and decoder say to each other: JSON with its length in front, nothing executable.

The decoder's words are those of an untrusted process: bounded, and checked when they are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rindle_django.errors import (
    CODES,
    ContentRefused,
    Misconfigured,
    RindleError,
    TransientFailure,
)
from rindle_django.media.av.limits import MediaLimits
from rindle_django.media.limits import Budget, ImageHeader, Limits
from rindle_django.media.rendering import Order, Rendered
from rindle_django.profiles.recipes import ImageRecipe

HEADER = 4
MAX_MESSAGE = 1 << 20
Message = dict[str, Any]
_HASH = re.compile(r"[A-Za-z0-9+/]{0,54}={0,2}")

_CLASSES = {each.kind: each for each in (ContentRefused, TransientFailure, Misconfigured)}


class Garbled(Exception):
    """The other side said something that is not in this language."""


def pack(message: Mapping[str, Any]) -> bytes:
    body = json.dumps(message).encode()
    return len(body).to_bytes(HEADER, "big") + body


def body_length(header: bytes) -> int:
    length = int.from_bytes(header, "big")
    if length > MAX_MESSAGE:
        raise Garbled(f"a message of {length} bytes")
    return length


def unpack(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except ValueError as error:
        raise Garbled("a message that is not JSON") from error
    if not isinstance(message, dict):
        raise Garbled("a message that is not an object")
    return message


def request(
    operation: str,
    path: Path,
    mime: str,
    limits: Budget,
    *,
    backend: str | None = None,
    orders: tuple[Order, ...] = (),
) -> Message:
    return {
        "operation": operation,
        "path": str(path.absolute()),
        "mime": mime,
        "limits": asdict(limits),
        "backend": backend,
        "orders": [
            {"recipe": asdict(order.recipe), "target": str(order.target.absolute())}
            for order in orders
        ],
    }


def limits_of(message: Message) -> Limits:
    return Limits(**message["limits"])


def media_limits_of(message: Message) -> MediaLimits:
    return MediaLimits(**message["limits"])


def orders_of(message: Message) -> tuple[Order, ...]:
    return tuple(
        Order(_recipe(entry["recipe"]), Path(entry["target"])) for entry in message["orders"]
    )


def _recipe(fields: Message) -> ImageRecipe:
    point = fields["focal_point"]
    return ImageRecipe(**fields | {"focal_point": tuple(point) if point else None})


def error_message(error: RindleError) -> Message:
    params = {
        name: value if isinstance(value, int | float) else str(value)[:300]
        for name, value in error.params.items()
    }
    return {"code": error.code, "params": params}


def error_of(message: Any) -> RindleError:
    """The error a decoder reported; what it may not report is garbled."""
    try:
        code, params = message["code"], dict(message["params"])
        return _CLASSES[CODES[code].kind](code, **params)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise Garbled("an error of no known code") from error


def header_of(message: Any) -> ImageHeader:
    try:
        return ImageHeader(
            width=_count(message["width"]),
            height=_count(message["height"]),
            pages=_count(message["pages"]),
            has_alpha=bool(message["has_alpha"]),
            orientation=_count(message["orientation"]),
        )
    except (KeyError, TypeError) as error:
        raise Garbled("a header without its parts") from error


def numbered(message: Message, orders: Sequence[Order]) -> tuple[int, Order]:
    """Which of the orders an answer is about."""
    number = message["number"]
    if not isinstance(number, int) or not 0 <= number < len(orders):
        raise Garbled("an outcome of nothing that was ordered")
    return number, orders[number]


def rendered_of(message: Any, order: Order, *, cpu_seconds: float | None = None) -> Rendered:
    """An outcome. Size and type are what we see and asked for, whatever the decoder says."""
    try:
        return Rendered(
            width=_count(message["width"]),
            height=_count(message["height"]),
            pages=_count(message["pages"]),
            byte_size=order.target.stat().st_size,
            content_type=order.recipe.content_type,
            cpu_seconds=cpu_seconds,
            placeholder=_hash(message["placeholder"]),
        )
    except (KeyError, TypeError, OSError) as error:
        raise Garbled("an outcome without its parts") from error


def _hash(value: Any) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise TypeError("not a ThumbHash")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise TypeError("not a count")
    return value
