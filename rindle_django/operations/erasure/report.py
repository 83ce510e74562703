"""What an erasure takes away and leaves, in one vocabulary before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ENTRIES = 100
Entry = Mapping[str, str | int]
PREVIEW, EXECUTE = "preview", "execute"


@dataclass
class Bucket:
    """How many, and the first ``ENTRIES`` of them."""

    count: int = 0
    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        self.count += 1
        if len(self.entries) < ENTRIES:
            self.entries.append(entry)

    def add_all(self, other: Bucket) -> None:
        self.count += other.count
        self.entries += other.entries[: ENTRIES - len(self.entries)]


@dataclass
class Buckets:
    """What is detached, what goes with it, and what stays because others have it too.

    ``uploads_to_discard`` are the owner's own uploads that nothing is attached to, if they were
    asked for; otherwise ``uploads_kept`` counts them.
    """

    attachments_to_detach: Bucket = field(default_factory=Bucket)
    assets_to_purge: Bucket = field(default_factory=Bucket)
    retained_shared_assets: Bucket = field(default_factory=Bucket)
    uploads_to_discard: Bucket = field(default_factory=Bucket)
    uploads_kept: int = 0
    # Of all erasures of the owner so far: objects whose absence the storage has confirmed, and
    # those that it has not yet.
    objects_gone: int = 0
    objects_waiting: int = 0


@dataclass
class OwnerErasure(Buckets):
    """The erasure of one owner, named ``app.model:key``."""

    owner: str = ""


@dataclass(frozen=True)
class Failure:
    """An owner that could not be erased, with the stable code of why."""

    owner: str
    code: str
    message: str


@dataclass
class ErasureReport(Buckets):
    """The sums of a batch, and each owner's own. ``mode`` is "preview" or "execute"."""

    mode: str = PREVIEW
    owners: list[OwnerErasure] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)

    def add(self, one: OwnerErasure) -> None:
        self.owners.append(one)
        self.attachments_to_detach.add_all(one.attachments_to_detach)
        self.assets_to_purge.add_all(one.assets_to_purge)
        self.retained_shared_assets.add_all(one.retained_shared_assets)
        self.uploads_to_discard.add_all(one.uploads_to_discard)
        self.uploads_kept += one.uploads_kept
        self.objects_gone += one.objects_gone
        self.objects_waiting += one.objects_waiting
