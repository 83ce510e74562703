"""What is seen before an image is: a ThumbHash for ``placeholder.js``, or a picture in the page."""

from __future__ import annotations

import base64
import struct
import zlib
from functools import lru_cache
from typing import Literal

from rindle_django.media.thumbhash import pixels

Placeholder = bool | Literal["inline"]
"""Whether there is one; "inline" needs a policy that allows ``data:`` images and inline styles."""

# Pixels; a browser blurs the rest.
_SIDE = 12


@lru_cache(maxsize=1024)
def data_uri(thumbhash: str) -> str:
    """A PNG of some 400 bytes. Empty for what is no hash."""
    try:
        width, height, rgba = pixels(thumbhash, _SIDE)
    except ValueError:
        return ""
    return "data:image/png;base64," + base64.b64encode(_png(width, height, rgba)).decode("ascii")


def inline_style(thumbhash: str) -> dict[str, str]:
    uri = data_uri(thumbhash)
    return {"style": f"background:0 0/100% 100% no-repeat url({uri})"} if uri else {}


def _png(width: int, height: int, rgba: bytes) -> bytes:
    rows = [b"\0" + rgba[at : at + 4 * width] for at in range(0, len(rgba), 4 * width)]
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
