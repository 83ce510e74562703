"""What a listing of a storage consists of, where ours are to be found, and in which order.

The order is that of S3: by the bytes of the whole key. The ledger has it too, so that the two can
be compared in one pass, however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

PREFIXES: Mapping[str, str] = {
    "staging": "incoming",
    "original": "originals",
    "variant": "variants",
}
"""The first segment of a key, by purpose. Nothing else in a storage is ours."""

Kind = Literal["object", "version", "marker", "upload"]


@dataclass(frozen=True)
class Listed:
    """One thing that a storage keeps under a key; several may share one.

    ``object`` is what a reader would get; ``version`` an older one that a bucket with versions
    keeps, ``marker`` a deletion it remembers, ``upload`` a multipart upload that nobody finished.
    ``size`` is in bytes, and 0 for the last two. ``mark`` is what the storage calls it: the id of
    the version or of the upload. ``modified_at`` is by the storage's clock.
    """

    key: str
    size: int
    modified_at: datetime
    kind: Kind = "object"
    mark: str = ""

    @property
    def order(self) -> bytes:
        return byte_order(self.key)


def byte_order(key: str) -> bytes:
    """By what listings are sorted. A file's name need not be text, so that bytes of it that are
    none come back as what they were."""
    return key.encode("utf-8", "surrogateescape")


def prefixes(after: str = "") -> list[str]:
    """The prefixes, with their slash, under which there can be keys beyond ``after``, in order."""
    known = sorted(f"{prefix}/" for prefix in PREFIXES.values())
    return [prefix for prefix in known if may_follow(prefix, after)]


def may_follow(prefix: str, after: str) -> bool:
    """Whether a key that begins with ``prefix`` can come after the key ``after``."""
    begin, reached = byte_order(prefix), byte_order(after)
    return reached < begin or reached.startswith(begin)
