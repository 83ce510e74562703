"""From the original to a working copy, and from a finished output to what is served."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rindle_django import claims, ledger
from rindle_django.errors import ContentRefused
from rindle_django.interruption import Interrupted, attentive, checkpoint
from rindle_django.ledger import Confirmed
from rindle_django.lifecycle import locked, persistently
from rindle_django.media.rendering import Part, Rendered
from rindle_django.models import Asset, StoredObject, Variant
from rindle_django.processing.claim import Attempt
from rindle_django.processing.publish import Finished, publish, retry_or_fail
from rindle_django.profiles import profile_of_row
from rindle_django.purge import take_back
from rindle_django.storage import adapter_for


@dataclass(frozen=True)
class _File:
    """A file of an output, and the row of the object that it becomes."""

    stored: StoredObject
    path: Path
    content_type: str


def fetch(asset: Asset, folder: Path) -> Path:
    """The verified original, and proof that it still is: its hash is compared on every read."""
    path, digest = folder / "source", hashlib.sha256()
    original = ledger.original_of(asset)
    adapter_for(original.storage).download(original.key, path, on_chunk=attentive(digest.update))
    if digest.hexdigest() != asset.sha256:
        raise ContentRefused("checksum_mismatch")
    return path


def store(asset: Asset, attempt: Attempt, rendered: Rendered) -> Finished:
    """Have the storage take what was made."""
    assert attempt.target is not None
    main = _File(attempt.output, attempt.target, rendered.content_type)
    parts = _expect_parts(attempt, rendered.parts) if rendered.parts else []
    # The main one last: it speaks of the others.
    written = [_store(asset, each) for each in (*parts, main)]
    return Finished(attempt.variant, attempt.output, attempt.run, rendered, written)


def publish_all(asset: Asset, finished: Sequence[Finished]) -> list[bool]:
    """Make what was stored what is served; of each, whether it is: False if it was overtaken."""
    return persistently(lambda: publish(asset.pk, finished))


def _expect_parts(attempt: Attempt, parts: tuple[Part, ...]) -> list[_File]:
    """Write the parts down before the first byte of them is stored. Raises Interrupted if the claim
    was lost: then nobody would look after them."""
    settles_in = claims.writing_time()
    with locked(attempt.variant.asset_id) as asset:
        mine = Variant.objects.filter(claims.held(attempt.variant), pk=attempt.variant.pk)
        if not mine.filter(state="processing").exists():
            raise Interrupted
        objects = ledger.expect_all(
            [
                ledger.fresh(
                    asset,
                    "variant",
                    extension=part.path.suffix,
                    content_type=part.content_type,
                    identity=part.id,
                    part_of=attempt.output,
                )
                for part in parts
            ],
            settles_in=settles_in,
        )
        # All together are given up when the main one is, so that must not be before the parts are.
        ledger.still_writing([attempt.output], settles_in=settles_in)
    return [
        _File(stored, part.path, part.content_type)
        for stored, part in zip(objects, parts, strict=True)
    ]


def _store(asset: Asset, file: _File) -> Confirmed:
    checkpoint()
    with file.path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    adapter_for(file.stored.storage).put_file(
        file.stored.key,
        file.path,
        content_type=file.content_type,
        cache_control=profile_of_row(asset.profile).delivery.cache_control,
    )
    return Confirmed(file.stored, file.path.stat().st_size, file.content_type, sha256)


def give_back(attempt: Attempt, error: Exception) -> bool:
    """End an attempt that failed; whether it was still this worker's to end."""
    return persistently(lambda: retry_or_fail(attempt.variant, attempt.output, attempt.run, error))


def take_back_output(attempt: Attempt) -> None:
    """Nothing of this attempt is served: what it may have written late is not to stay."""
    persistently(lambda: take_back(attempt.output))
