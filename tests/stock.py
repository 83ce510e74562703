"""Many ready assets at once: rows with all their variants, brought there along legal edges."""

from __future__ import annotations

from collections.abc import Sequence

from rindle_django.models import Asset, StoredObject, Variant
from rindle_django.states import ASSET, VARIANT, Machine
from rindle_django.storage import adapter_for
from tests.rows import path_to

NAMES = ("thumb", "medium", "large")


def stock(
    count: int, *, profile: str = "photo", names: Sequence[str] = NAMES, state: str = "ready"
) -> list[Asset]:
    """``count`` assets in ``state`` with a present original and ready variants, but no bytes."""
    assets = Asset.objects.bulk_create(
        Asset(profile=profile, storage="default", max_attempts=3, filename=f"photo {number}.jpg")
        for number in range(count)
    )
    originals = _objects(assets, "original", "jpg")
    for asset, original in zip(assets, originals, strict=True):
        asset.original, asset.content_type = original, "image/jpeg"
    Asset.objects.bulk_update(assets, ["original", "content_type"])
    for name in names:
        _variants(assets, name)
    _walk(Asset.objects.filter(pk__in=[asset.pk for asset in assets]), ASSET, state)
    return list(Asset.objects.filter(pk__in=[asset.pk for asset in assets]).order_by("pk"))


def filled(assets: Sequence[Asset]) -> Sequence[Asset]:
    """The same assets, with some bytes under every key."""
    for stored in StoredObject.objects.filter(asset__in=assets):
        adapter_for(stored.storage).put_stream(
            stored.key, [b"bytes"], length=5, content_type="image/jpeg", limit=5
        )
    return assets


def _variants(assets: Sequence[Asset], name: str) -> None:
    outputs = _objects(assets, "variant", "webp")
    rows = Variant.objects.bulk_create(
        Variant(
            asset=asset,
            name=name,
            kind="image",
            recipe_digest="d",
            published_digest="d",
            content_type="image/webp",
            byte_size=1,
            max_attempts=5,
            object=output,
        )
        for asset, output in zip(assets, outputs, strict=True)
    )
    _walk(Variant.objects.filter(pk__in=[row.pk for row in rows]), VARIANT, "ready")


def _objects(assets: Sequence[Asset], purpose: str, extension: str) -> list[StoredObject]:
    rows = [
        StoredObject(asset=asset, purpose=purpose, storage="default", content_type="image/jpeg")
        for asset in assets
    ]
    for row in rows:
        row.key = f"{purpose}s/{str(row.asset_id)[:2]}/{row.asset_id}/{row.pk}.{extension}"
    made = StoredObject.objects.bulk_create(rows)
    StoredObject.objects.filter(pk__in=[row.pk for row in made]).update(state="present")
    return made


def _walk(rows, machine: Machine, state: str) -> None:
    for step in path_to(machine, state):
        rows.update(state=step)
