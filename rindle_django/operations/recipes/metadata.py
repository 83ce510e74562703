"""Looking again at originals of which something is not known, for instance from before it was
asked for."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from rindle_django.errors import ContentRefused, reason_code
from rindle_django.interruption import attentive
from rindle_django.lifecycle import locked
from rindle_django.media.images import probe_image
from rindle_django.models import Asset, Checkpoint, Key
from rindle_django.operations.recipes.batches import Budget, by_key
from rindle_django.processing.limits import limits_of
from rindle_django.profiles import chosen, profile_of_row
from rindle_django.progress import advanced
from rindle_django.promotion.inspect import measure
from rindle_django.states import VERIFIED_ASSET_STATES
from rindle_django.storage import adapter_for
from rindle_django.workspace import workspace

logger = logging.getLogger(__name__)
BATCH = 100
FIELDS = ("width", "height", "pages", "has_alpha")
# What is known of every file of a kind that was looked into.
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "image": FIELDS,
    "audio": ("has_video", "has_audio"),
    "video": ("has_video", "has_audio", "width", "height"),
}


@dataclass
class BackfillReport:
    """``unchanged`` ones said nothing new; ``errors`` by the codes in ``reasons``."""

    dry_run: bool = True
    found: int = 0
    updated: int = 0
    unchanged: int = 0
    errors: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


def backfill_metadata(
    *,
    profile: str | Collection[str] | None = None,
    limit: int | None = None,
    dry_run: bool = True,
    everything: bool = False,
    from_start: bool = False,
) -> BackfillReport:
    """Look again at verified images, audio and video, and write down what was not known of them.

    Merges: what is in ``metadata`` stays, what the header says goes under ``probe`` (C2.17). One at
    a time, each from its own storage, and the next run goes on where this one stopped: those that
    are done lack nothing any more. ``everything`` looks at all of them; that pass remembers how far
    it came, unless ``from_start``. A dry run counts. Raises RequestRefused("unknown_profile").
    """
    assets = _lacking([each.name for each in chosen(profile)], everything=everything)
    report = BackfillReport(dry_run=dry_run)
    if dry_run:
        report.found = (assets if limit is None else assets[:limit]).count()
        return report
    reasons: Counter[str] = Counter()
    for asset_id in _each(assets, limit, _Bookmark(profile, from_start) if everything else None):
        report.found += 1
        _look_again(asset_id, report, reasons)
        advanced()
    report.reasons = dict(reasons)
    return report


def _lacking(profiles: Collection[str], *, everything: bool) -> QuerySet[Asset]:
    assets = Asset.objects.filter(
        profile__in=profiles,
        state__in=VERIFIED_ASSET_STATES,
        kind__in=_KNOWN,
        original__isnull=False,
    )
    if everything:
        return assets
    lacking = Q()
    for kind, names in _KNOWN.items():
        unknown = Q(*((f"{name}__isnull", True) for name in names), _connector=Q.OR)
        lacking |= Q(kind=kind) & unknown
    return assets.filter(lacking)


class _Bookmark:
    """How far a pass over everything has come; of each choice of profiles its own."""

    def __init__(self, profile: str | Collection[str] | None, from_start: bool) -> None:
        names = ",".join(sorted(each.name for each in chosen(profile)))
        digest = hashlib.sha256(names.encode()).hexdigest()[:16]
        self._rows = Checkpoint.objects.filter(pk=f"backfill_metadata:{digest}")
        self._name = f"backfill_metadata:{digest}"
        if from_start:
            self.close()

    def where(self) -> str | None:
        return self._rows.values_list("cursor", flat=True).first()

    def put(self, cursor: Key) -> None:
        Checkpoint.objects.update_or_create(
            pk=self._name, defaults={"cursor": str(cursor), "updated_at": Now()}
        )

    def close(self) -> None:
        self._rows.delete()


def _each(assets: QuerySet[Asset], limit: int | None, bookmark: _Bookmark | None) -> Iterator[Key]:
    budget = Budget(limit)
    if bookmark is not None and (last := bookmark.where()) is not None:
        assets = assets.filter(pk__gt=last)
    for batch in by_key(assets, budget, size=BATCH):
        for asset_id in batch:
            yield asset_id
            budget.spend(1)
            if bookmark is not None:
                bookmark.put(asset_id)
    if bookmark is not None and not budget.spent:
        bookmark.close()


def _look_again(asset_id: Key, report: BackfillReport, reasons: Counter[str]) -> None:
    try:
        asset = Asset.objects.select_related("original").get(pk=asset_id)
        changed = _write(asset, _probe(asset))
    except Exception as error:
        if not Asset.objects.filter(pk=asset_id, state__in=VERIFIED_ASSET_STATES).exists():
            report.unchanged += 1  # it was given up meanwhile: nothing failed
            return
        logger.warning("Asset %s could not be looked at again", asset_id, exc_info=True)
        report.errors += 1
        reasons[reason_code(error)] += 1
    else:
        report.updated += changed
        report.unchanged += not changed


def _probe(asset: Asset) -> dict[str, Any]:
    """From the verified bytes: their hash is compared on every read."""
    assert asset.original is not None
    digest = hashlib.sha256()
    with workspace() as folder:
        path = folder / "original"
        adapter_for(asset.original.storage).download(
            asset.original.key, path, on_chunk=attentive(digest.update)
        )
        if digest.hexdigest() != asset.sha256:
            raise ContentRefused("checksum_mismatch")
        profile = profile_of_row(asset.profile)
        if asset.kind != "image":
            mime, measured = measure(profile, path)
            return {"content_type": mime, **measured}
        header = probe_image(path, asset.content_type, limits_of(profile))
        return {"probe": {"orientation": header.orientation}} | {
            name: getattr(header, name) for name in FIELDS
        }


def _write(probed: Asset, said: dict[str, Any]) -> bool:
    """Onto the row as it is now, not as it was before the download. Whether that changed it."""
    with locked(probed.pk) as asset:
        if asset.original_id != probed.original_id or asset.state not in VERIFIED_ASSET_STATES:
            return False
        if "probe" in said:
            probe = {**asset.metadata.get("probe", {}), **said.pop("probe")}
            said["metadata"] = {**asset.metadata, "probe": probe}
        if said == {name: getattr(asset, name) for name in said}:
            return False
        Asset.objects.filter(pk=asset.pk).update(**said, updated_at=Now())
        return True
