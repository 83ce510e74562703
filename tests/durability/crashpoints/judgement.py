"""The judgement: what the client was told must have come true, and nothing else may be left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from rindle_django import workspace
from rindle_django.models import Asset, Attachment, StoredObject
from rindle_django.operations.invariants import violations
from tests.durability.crashpoints.client import OWNER, Diary, photo
from tests.durability.crashpoints.ground import client_of
from tests.durability.crashpoints.story import Snapshot


@dataclass
class Told:
    """What follows from a diary: which uploads live, which were taken back, what is shown."""

    assets: dict[str, str] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    purged: set[str] = field(default_factory=set)
    shown: str | None = None

    @classmethod
    def by(cls, diary: Diary) -> Told:
        told = cls()
        for note, answer in diary.notes.items():
            told._hear(note, answer)
        return told

    def _hear(self, note: str, answer: Any) -> None:
        name, _, what = note.partition(" ")
        if what == "promised":
            self.assets[name] = answer["asset_id"]
        elif what == "verified":
            self.alive.add(name)
        elif what == "attached":
            self._show(name)
        elif note == "detached":
            self._show(None)

    def _show(self, name: str | None) -> None:
        if self.shown is not None and self.shown != name:
            self.alive.discard(self.shown)
            self.purged.add(self.shown)
        self.shown = name


def judge(diary: Diary) -> list[str]:
    """Everything that is not as it has to be, each in one line."""
    return [*(str(each) for each in violations(at_rest=True, checksums=True)), *_breaches(diary)]


def _breaches(diary: Diary) -> Iterator[str]:
    told = Told.by(diary)
    for name in sorted(told.alive):
        yield from _not_ready(name, told.assets[name])
    for name in sorted(told.assets.keys() - told.alive):
        yield from _not_gone(name, told.assets[name])
    known = {told.assets[name] for name in told.alive}
    for asset in Asset.objects.exclude(pk__in=known):
        yield f"leftover: asset {asset.pk} is {asset.state}, and no client has it"
    yield from _not_shown(told)
    yield from _unaccounted()
    yield from _litter()


def _not_ready(name: str, asset_id: str) -> Iterator[str]:
    asset = Asset.objects.filter(pk=asset_id).first()
    if asset is None:
        yield f"acknowledged_verify: {name} is not there"
        return
    if asset.state != "ready":
        yield f"acknowledged_verify: {name} is {asset.state} ({asset.reason_code})"
    if asset.sha256 != hashlib.sha256(photo(name)).hexdigest():
        yield f"acknowledged_verify: {name} is not the file that was sent"
    states = dict(asset.variants.values_list("name", "state"))
    if states != dict.fromkeys(Snapshot.variants, "ready"):
        yield f"acknowledged_verify: the variants of {name} are {states}"


def _not_gone(name: str, asset_id: str) -> Iterator[str]:
    for asset in Asset.objects.filter(pk=asset_id):
        yield f"acknowledged_purge: {name} is {asset.state}"
    receipts = StoredObject.objects.filter(asset_id=asset_id)
    if not receipts.exists():
        yield f"acknowledged_purge: {name} has no receipt"
    for stored in receipts:
        if stored.state != "gone" or stored.gone_at is None or not stored.confirmation:
            yield f"acknowledged_purge: {stored.purpose} of {name} is {stored.state}"


def _not_shown(told: Told) -> Iterator[str]:
    expected = [told.assets[told.shown]] if told.shown is not None else []
    rows = Attachment.objects.filter(owner_id=str(OWNER), slot="cover")
    shown = [str(asset_id) for asset_id in rows.values_list("asset_id", flat=True)]
    if shown != expected or Attachment.objects.count() != len(expected):
        yield f"acknowledged_attach: {told.shown} should be shown, the slot has {shown}"


def _unaccounted() -> Iterator[str]:
    """The listing and the ledger, compared without the library's own means."""
    stored, present = _listing(), set[str]()
    for key in StoredObject.objects.filter(state="present").values_list("key", flat=True):
        present.add(key)
    for key in sorted(stored - present):
        yield f"orphan: {key} is stored, and the ledger does not say present"
    for key in sorted(present - stored):
        yield f"lost: {key} should be present, and is not stored"


def _listing() -> set[str]:
    storage: Any = settings.STORAGES["default"]
    if "bucket_name" in storage["OPTIONS"]:
        return _listing_of_bucket(storage["OPTIONS"])
    return {
        str(path.relative_to(folder))
        for folder in (Path(storage["OPTIONS"]["location"]),)
        for path in folder.rglob("*")
        if path.is_file()
    }


def _listing_of_bucket(options: dict[str, Any]) -> set[str]:
    client, bucket = client_of(options), options["bucket_name"]
    versions = client.list_object_versions(Bucket=bucket)
    uploads = client.list_multipart_uploads(Bucket=bucket)
    found = [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]
    return {each["Key"] for each in found} | {
        f"{each['Key']} (unfinished)" for each in uploads.get("Uploads", [])
    }


def _litter() -> Iterator[str]:
    for path in workspace.root().iterdir():
        yield f"litter: {path.name} is left among the working copies"
    with connection.cursor() as cursor:
        cursor.execute("SELECT task_name, status FROM procrastinate_jobs WHERE status = 'doing'")
        for task, status in cursor.fetchall():
            yield f"litter: a job {task} is {status}"
