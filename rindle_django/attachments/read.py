"""Reading what is attached, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from django.db.models import Model, Prefetch, QuerySet, prefetch_related_objects

from rindle_django.attachments.owners import key_of, slot_rows, type_of
from rindle_django.models import Asset, Attachment, StoredObject, Variant

M = TypeVar("M", bound=Model)

_JOINED: Mapping[str, type[Model]] = {
    "": Attachment,
    "asset__": Asset,
    "asset__original__": StoredObject,
    "asset__variants__": Variant,
    "asset__variants__object__": StoredObject,
}
_NAMES = {
    prefix: [field.attname for field in model._meta.concrete_fields]
    for prefix, model in _JOINED.items()
}
_PATHS = [f"{prefix}{name}" for prefix, names in _NAMES.items() for name in names]


def with_media(attachments: QuerySet[Attachment]) -> QuerySet[Attachment]:
    """Bring along the asset, its original, its variants and their objects: one query more."""
    return attachments.select_related("asset__original").prefetch_related(
        _variants("asset__variants")
    )


def whole(attachments: QuerySet[Attachment]) -> list[Attachment]:
    """What ``with_media`` reads, in one query instead of two: there is a row for each variant."""
    rows = attachments.order_by(*attachments.query.order_by, "asset__variants__name")
    found: dict[Any, tuple[Attachment, list[Variant]]] = {}
    for row in rows.values_list(*_PATHS):
        read = partial(_read, rows.db, row)
        key = row[0]
        if key not in found:
            found[key] = _with_asset(read), []
        attachment, variants = found[key]
        if (variant := read("asset__variants__")) is not None:
            variant.asset, variant.object = attachment.asset, read("asset__variants__object__")
            variants.append(variant)
    for attachment, variants in found.values():
        _prefetch(attachment.asset, variants)
    return [attachment for attachment, _ in found.values()]


def _with_asset(read: Callable[[str], Any]) -> Attachment:
    attachment: Attachment = read("")
    attachment.asset = read("asset__")
    attachment.asset.original = read("asset__original__")
    return attachment


def _read(alias: str, row: Sequence[Any], prefix: str) -> Any:
    """The instance whose values are in ``row``; None if there is none to join."""
    start, names = _PATHS.index(f"{prefix}id"), _NAMES[prefix]
    if row[start] is None:
        return None
    return _JOINED[prefix].from_db(alias, names, row[start : start + len(names)])


def _prefetch(asset: Asset, variants: list[Variant]) -> None:
    """As ``prefetch_related`` leaves it."""
    rows: Any = asset.variants.all()
    rows._result_cache, rows._prefetch_done = variants, True
    caches: Any = asset
    caches._prefetched_objects_cache = {"variants": rows}


def attached(owner: Model, slot: str) -> Attachment | None:
    """The attachment in ``owner``'s slot (the first one where it holds several)."""
    return with_media(slot_rows(owner, slot)).first()


def attachments_of(owner: Model, slot: str | None = None) -> QuerySet[Attachment]:
    """All attachments of ``owner``, or of one slot, in order."""
    rows = Attachment.objects.filter(owner_type=type_of(owner), owner_id=key_of(owner))
    if slot is not None:
        rows = rows.filter(slot=slot)
    return with_media(rows.order_by("slot", "position"))


def for_page(rows: Iterable[M], *slots: str) -> list[M]:
    """``rows`` with all that a page shows of their media, so that its tags ask for nothing.

    Assets or attachments cost one query on top of their own; owners, of which ``slots`` are shown,
    one for each slot. What was fetched before is not fetched again.
    """
    if isinstance(rows, QuerySet):
        rows = _joined(rows)
    found = list(rows)
    for model in {type(row) for row in found}:
        of_model = [row for row in found if type(row) is model]
        prefetch_related_objects(of_model, *_media_of(model, slots))
    return found


def _joined(rows: QuerySet[M]) -> QuerySet[M]:
    """With the originals in the same query, where there are foreign keys to follow."""
    if issubclass(rows.model, Asset):
        return rows.select_related("original")
    return rows.select_related("asset__original") if issubclass(rows.model, Attachment) else rows


def _media_of(model: type[Model], slots: Iterable[str]) -> list[str | Prefetch[str]]:
    if issubclass(model, Asset):
        return ["original", _variants("variants")]
    if issubclass(model, Attachment):
        return ["asset__original", _variants("asset__variants")]
    return list(slots)


def _variants(path: str) -> Prefetch[str]:
    return Prefetch(path, queryset=Variant.objects.select_related("object").order_by("name"))
