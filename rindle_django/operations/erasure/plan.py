"""What becomes of an owner's assets: which go, which stay because others have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Count

from rindle_django.models import Attachment
from rindle_django.operations.erasure.owners import (
    Owner,
    attachments_of,
    attachments_of_all,
    loose_uploads_of,
)
from rindle_django.operations.erasure.report import OwnerErasure

PAGE = 1000
COUNTED = 10_000


@dataclass(frozen=True)
class Others:
    """How many attachments others have on an asset; ``later`` of them by owners further on in the
    same batch."""

    all: int = 0
    later: int = 0


@dataclass(frozen=True)
class Place:
    """Where an owner stands in its batch."""

    earlier: Sequence[Owner] = ()
    later: Sequence[Owner] = ()


def others_of(
    assets: Iterable[UUID], owner: Owner, later: Sequence[Owner], gone: Sequence[Owner] = ()
) -> dict[UUID, Others]:
    """Who else has ``assets``; ``gone`` are counted as if they had nothing any more."""
    by_later = attachments_of_all(later)
    rows = (
        Attachment.objects.filter(asset_id__in=list(assets))
        .exclude(attachments_of_all([owner, *gone]))
        .order_by()
        .values_list("asset_id")
        .annotate(all=Count("pk"), later=Count("pk", filter=by_later))
    )
    return {asset: Others(total, further_on) for asset, total, further_on in rows}


def put_down(report: OwnerErasure, asset: UUID, profile: str, others: Others) -> bool:
    """Note what becomes of one asset; whether it goes.

    What a later owner of the batch has as well is judged with that one, so that no asset is in two
    buckets of a batch (C3.5).
    """
    if not others.all:
        report.assets_to_purge.add({"asset_id": str(asset), "profile": profile})
    elif not others.later:
        report.retained_shared_assets.add(
            {
                "asset_id": str(asset),
                "profile": profile,
                "surviving_attachment_count": others.all,
            }
        )
    return not others.all


def put_down_attachment(report: OwnerErasure, row: Attachment) -> None:
    report.attachments_to_detach.add(
        {"attachment_id": str(row.pk), "asset_id": str(row.asset_id), "slot": row.slot}
    )


def preview(owner: Owner, place: Place, *, uploads: bool) -> OwnerErasure:
    """What erasing ``owner`` would do. Reads only."""
    report = OwnerErasure(owner=owner.name)
    last: UUID | None = None
    for rows in _pages(owner):
        profiles: dict[UUID, str] = {}
        for row in rows:
            put_down_attachment(report, row)
            if row.asset_id != last:  # sorted: its other slots follow
                profiles[row.asset_id] = row.asset.profile
            last = row.asset_id
        others = others_of(profiles, owner, place.later, place.earlier)
        for asset, profile in profiles.items():
            put_down(report, asset, profile, others.get(asset, Others()))
    _preview_uploads(owner, report, wanted=uploads)
    return report


def _pages(owner: Owner) -> Iterator[list[Attachment]]:
    rows = attachments_of(owner).select_related("asset").order_by("asset_id")
    told = rows.only("asset_id", "slot", "asset__profile").iterator(chunk_size=PAGE)
    while page := list(islice(told, PAGE)):
        yield page


def _preview_uploads(owner: Owner, report: OwnerErasure, *, wanted: bool) -> None:
    loose = loose_uploads_of(owner).order_by()
    if not wanted:
        report.uploads_kept = loose[:COUNTED].count()
        return
    for asset, profile in loose.values_list("pk", "profile").iterator(chunk_size=PAGE):
        put_down_upload(report, asset, profile)


def put_down_upload(report: OwnerErasure, asset: Any, profile: str) -> None:
    report.uploads_to_discard.add({"asset_id": str(asset), "profile": profile})
