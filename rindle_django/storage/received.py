"""Streams on their way in: held against what was declared, and left nowhere if they fail."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rindle_django.errors import ContentRefused, RequestRefused


def checked(
    chunks: Iterable[bytes], *, length: int | None, limit: int, sha256: str | None
) -> Iterator[bytes]:
    """``chunks``, refused as soon as they cannot be what was declared.

    Raises RequestRefused("bytes_exceeded_upload" | "length_mismatch") or
    ContentRefused("checksum_mismatch"), the last two at the end of the stream: whoever stores it
    must publish nothing before the stream has ended without an error.
    """
    received, digest = 0, hashlib.sha256()
    for chunk in chunks:
        received += len(chunk)
        if received > limit:
            raise RequestRefused("bytes_exceeded_upload", limit=limit)
        if length is not None and received > length:
            raise RequestRefused("length_mismatch", received=received, expected=length)
        digest.update(chunk)
        yield chunk
    if length is not None and received != length:
        raise RequestRefused("length_mismatch", received=received, expected=length)
    if sha256 is not None and digest.hexdigest() != sha256.lower():
        raise ContentRefused("checksum_mismatch")


@contextmanager
def kept(path: Path) -> Iterator[BinaryIO]:
    """``path``, opened for writing; it stays only if the block ends without an error."""
    try:
        with path.open("wb") as target:
            yield target
    except BaseException:
        path.unlink(missing_ok=True)
        raise
