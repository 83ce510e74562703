"""What a storage can do for the library, as an abstract adapter, and the rules no adapter escapes:
keys stay inside, and nothing is read or written while a database transaction is open.

Adapters for particular storages are in their own modules; which one an alias gets is decided in
``registry``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from inspect import isgeneratorfunction
from pathlib import Path
from typing import Any, ClassVar, Concatenate, Literal, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit

from django.core.files.storage import Storage
from django.db import connections

from rindle_django import telemetry
from rindle_django.actors import NOBODY
from rindle_django.errors import Misconfigured
from rindle_django.storage import deadlines
from rindle_django.storage.listing import Listed

P = ParamSpec("P")
T = TypeVar("T")

CHUNK = 1 << 20


class SignedURL(str):
    """A URL that is a bearer token: whoever has it, has the object.

    Shows only its origin in a repr, so that a traceback, a logged request or a failing assertion
    does not hand it on (S23). ``str`` stays the whole URL: templates and JSON need it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        parts = urlsplit(self)
        origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
        return f"<SignedURL {origin}/...>"


@dataclass(frozen=True)
class Capabilities:
    """What a storage can promise. A false claim is a hole, so doctor measures them."""

    signed_put: bool
    create_only_put: bool
    binds_length: bool
    binds_type: bool
    binds_checksum: bool
    signed_get: bool
    public_url: bool
    batch_delete: bool
    versioned: bool = False
    # Whether a signed PUT that is still in time is refused once its upload has ended.
    revocable_put: bool = False


@dataclass(frozen=True)
class ObjectStat:
    """``content_type`` and ``etag`` are None where the storage keeps none."""

    size: int
    content_type: str | None
    etag: str | None


@dataclass(frozen=True)
class SignedRequest:
    """What a client has to send, headers included; ``expires_in`` counts seconds from now."""

    method: str
    url: str
    headers: dict[str, str]
    expires_in: int


@dataclass(frozen=True)
class Deletion:
    """``confirmed`` maps a key to how its absence is known, ``failed`` to the reason code for which
    it is not certain.

    Known by: "unlinked" (no such file, and its folder is durable), "head_404" (the storage said
    so), "versions_clean" (no version and no delete marker is listed).
    """

    confirmed: Mapping[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Remark:
    """What is to be said of how a storage is set up; ``fix`` is what an operator can do."""

    level: Literal["ok", "warn", "error"]
    finding: str
    fix: str = ""


EXAMINED: Mapping[str, str] = {
    "cors": "Whether browsers on the site's origins may send what we sign.",
    "playback": "Whether players on the site's origins may read streams and storyboards.",
    "lifecycle": "Whether a rule of the storage deletes or shelves live data.",
    "conditions": "Whether writing only to free names is enforced, in parts too.",
    "folder": "Whether the folder can be written, holds its unfinished files and knows hard links.",
}
"""What an adapter may be asked to examine; each answers for what it has."""


# --- rules for every adapter -------------------------------------------------------------------

_SEGMENT = r"[a-z0-9_-][a-z0-9_.-]*"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
MAX_KEY_LENGTH = 512


def checked_key(key: str) -> str:
    """``key``, if it is one the ledger could have generated; raises Misconfigured("bad_key").

    No segment may be empty or begin with a dot: that refuses "..", absolute keys and the folder
    of unfinished writes at once (S3).
    """
    if len(key) > MAX_KEY_LENGTH or not _KEY.fullmatch(key):
        raise Misconfigured("bad_key", key=key)
    return key


def refuse_inside_transaction(operation: str) -> None:
    """Raise Misconfigured("io_in_transaction") if any database has an atomic block open.

    The blocks that a TestCase puts around each test do not count: they are not the caller's.
    """
    for connection in connections.all(initialized_only=True):
        blocks: list[Any] = connection.atomic_blocks
        if any(not block._from_testcase for block in blocks):
            raise Misconfigured("io_in_transaction", operation=operation)


def outside_transactions(
    method: Callable[Concatenate[Any, P], T],
) -> Callable[Concatenate[Any, P], T]:
    """Make a storage call refuse to run inside a database transaction, give it a deadline, and
    have it traced and timed.

    A slow storage would hold row locks for as long as it likes, and a rollback could not undo
    what was written. A generator is held to it when it is called and again at every step; it has
    neither deadline nor span, as nobody knows how much there is to list.
    """
    stepwise = isgeneratorfunction(method)

    @wraps(method)
    def guarded(adapter: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        refuse_inside_transaction(method.__name__)
        if stepwise:
            return _guarded_steps(method.__name__, method(adapter, *args, **kwargs))  # type: ignore[arg-type]
        if deadlines.in_force():  # part of the call that is timed already
            return method(adapter, *args, **kwargs)
        with deadlines.within(adapter.alias, method.__name__), _watched(adapter, method.__name__):
            return method(adapter, *args, **kwargs)

    return guarded


@contextmanager
def _watched(adapter: Any, operation: str) -> Iterator[None]:
    """Say which storage was called for what, and how it went: never under which key."""
    known = f"rindle.storage.{operation}" in telemetry.SPANS
    operation = operation if known else "other"
    where = {"rindle.adapter": adapter.name, "rindle.storage": adapter.alias}
    labels = {"adapter": adapter.name, "operation": operation}
    with (
        telemetry.timed("rindle.storage.duration", labels),
        telemetry.span(f"rindle.storage.{operation}", attributes=where),
    ):
        yield


def _guarded_steps(operation: str, steps: Generator[T]) -> Iterator[T]:
    try:
        while True:
            refuse_inside_transaction(operation)
            try:
                step = next(steps)
            except StopIteration:
                return
            yield step
    finally:
        steps.close()


class Adapter(ABC):
    """One storage alias, seen as a place for objects under keys that are never reused.

    Every call that touches the storage raises TransientFailure("storage_unavailable") for
    whatever says nothing about the object: no answer, a refusal, a fault of the server. Only a
    storage that answers "there is none" makes an object missing.
    """

    name: ClassVar[str]
    TOUCHES_STORAGE: ClassVar[frozenset[str]] = frozenset(
        {"stat", "read_range", "download", "put_file", "put_stream", "copy", "delete"}
        | {"list_objects", "sweep_temp", "probe_capabilities", "examine", "clock"}
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # Here rather than at each method: an adapter from elsewhere cannot forget it.
        super().__init_subclass__(**kwargs)
        for name in cls.TOUCHES_STORAGE & vars(cls).keys():
            setattr(cls, name, outside_transactions(vars(cls)[name]))

    def __init__(self, alias: str) -> None:
        self.alias = alias

    @classmethod
    @abstractmethod
    def for_storage(cls, alias: str, storage: Storage) -> Self:
        """An adapter for ``STORAGES[alias]``, with whatever of our own settings concerns it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.alias!r}>"

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this kind of storage can promise, as far as that is known without asking it."""

    @outside_transactions
    def probe_capabilities(self) -> Capabilities:
        """What the storage does when it is tried. Writes and deletes a few small objects."""
        return self.capabilities

    @outside_transactions
    def examine(self, about: str, origins: Sequence[str] = ()) -> list[Remark]:  # noqa: ARG002
        """What is to be said of one of ``EXAMINED``; nothing where it does not apply.

        ``origins`` are those of the pages that upload. Leaves nothing behind.
        """
        return []

    @outside_transactions
    def clock(self) -> float | None:
        """Seconds since 1970 by the storage's own clock; None if it has none of its own."""
        return None

    @abstractmethod
    def stat(self, key: str) -> ObjectStat | None:
        """What is known of an object; None only if the storage said that there is none."""

    @abstractmethod
    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``start``; fewer where the object ends.

        Raises RequestRefused("object_missing").
        """

    @abstractmethod
    def download(
        self,
        key: str,
        path: Path,
        on_chunk: Callable[[bytes], object] | None = None,
        limit: int | None = None,
    ) -> int:
        """Stream an object into the file ``path``; returns its length in bytes.

        ``on_chunk`` is given every piece in order. Nothing is left at ``path`` on failure. Raises
        RequestRefused("object_missing"), and ContentRefused("bytes_exceeded") for an object of
        more than ``limit`` bytes.
        """

    @abstractmethod
    def put_file(
        self, key: str, path: Path, *, content_type: str, cache_control: str = ""
    ) -> ObjectStat:
        """Store a file under a key that is still free, whole or not at all.

        Raises RequestRefused("object_exists").
        """

    @abstractmethod
    def put_stream(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        length: int | None,
        content_type: str,
        limit: int,
        sha256: str | None = None,
    ) -> ObjectStat:
        """Store what ``chunks`` yields under a key that is still free, whole or not at all.

        Raises RequestRefused: "object_exists", "length_mismatch" if it is not ``length`` bytes,
        "bytes_exceeded_upload" for more than ``limit``; and ContentRefused("checksum_mismatch") if
        ``sha256`` (hexadecimal) is given and the bytes have another.
        """

    @abstractmethod
    def copy(
        self, source: str, target: str, *, content_type: str, cache_control: str = ""
    ) -> ObjectStat:
        """Copy within the storage, with new headers. Raises RequestRefused("object_missing")."""

    @abstractmethod
    def delete(self, keys: Sequence[str]) -> Deletion:
        """Delete objects, with all their versions, and confirm for each that it is absent."""

    @abstractmethod
    def list_objects(self, after: str = "") -> Iterator[Listed]:
        """Everything under our prefixes whose key is beyond ``after``, by ascending bytes of the
        key: old versions, delete markers and unfinished uploads too, whoever wrote them.

        Takes no more memory for more objects, and is no snapshot: what comes or goes meanwhile
        may be seen or not. An error says nothing about the keys that were not reached.
        """

    @abstractmethod
    def sign_put(
        self,
        key: str,
        *,
        length: int,
        content_type: str,
        sha256: str | None,
        expires_in: int,
    ) -> SignedRequest:
        """A request with which a client may store exactly the declared object, once."""

    @abstractmethod
    def sign_get(
        self,
        key: str,
        *,
        content_type: str,
        disposition: str | None,
        ttl: int,
        subject: str = NOBODY,
    ) -> str:
        """A URL that serves the object for at least ``ttl`` more seconds, with these headers.

        The same arguments give the same URL within a window of time, so that caches can work.
        ``subject`` names the one whom it is given; storages that serve it themselves have no use
        for it.
        """

    @abstractmethod
    def public_url(self, key: str) -> str:
        """The lasting, unsigned URL of an object that anybody may read (W4.2)."""

    @outside_transactions
    def sweep_temp(self, older_than_seconds: float, *, dry_run: bool = False) -> int:  # noqa: ARG002
        """Remove what killed writes left behind; returns how many pieces. A dry run only counts."""
        return 0
