"""Whom an erasure is about, by a row or by a name, also when the row is gone already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from rindle_django.attachments.owners import key_of
from rindle_django.conf import database
from rindle_django.errors import RequestRefused
from rindle_django.models import Asset, Attachment, Erasure


@dataclass(frozen=True)
class Owner:
    """An owner named ``app.model:key``. ``type_id`` is None while nothing was ever attached to any
    of its model, ``model`` is None when that is not in the project any more."""

    name: str
    type_id: int | None
    key: str
    model: type[Model] | None


def owner_of(given: Model | str) -> Owner:
    """The owner that a row or a name stands for, whether or not there is or was one.

    Raises RequestRefused: "owner_invalid" for a name that can be none, "owner_unsaved".
    """
    if isinstance(given, Model):
        return _owner(given._meta.label_lower, key_of(given))
    label, colon, key = str(given).strip().partition(":")
    if not colon or label.count(".") != 1 or not key:
        raise RequestRefused("owner_invalid", owner=given, why="a dot and a colon are needed")
    try:
        str(given).encode()
    except UnicodeEncodeError:
        raise RequestRefused("owner_invalid", owner=ascii(given), why="it is no text") from None
    if "\x00" in key or "\x00" in label:
        raise RequestRefused("owner_invalid", owner=given, why="it holds a NUL character")
    return _owner(label.lower(), key)


def _owner(label: str, key: str) -> Owner:
    model = _model(label)
    if model is not None:
        label = model._meta.label_lower
        key = _key(model, key, f"{label}:{key}")
    app, name = label.split(".")
    types = ContentType.objects.db_manager(database()).filter(app_label=app, model=name)
    type_id = types.values_list("pk", flat=True).first()
    if model is None and type_id is None:
        raise RequestRefused("owner_invalid", owner=f"{label}:{key}", why="there is no such model")
    return Owner(f"{label}:{key}", type_id, key, model)


def _model(label: str) -> type[Model] | None:
    """Attachments know the concrete model, whatever proxy the owner was seen through."""
    try:
        model: type[Model] = apps.get_model(label)
    except LookupError:
        return None
    return model._meta.concrete_model or model


def _key(model: type[Model], key: str, name: str) -> str:
    try:
        return str(model._meta.pk.to_python(key))
    except ValidationError:
        why = f"{key!r} is no primary key of it"
        raise RequestRefused("owner_invalid", owner=name, why=why) from None


def attachments_of_all(owners: Iterable[Owner]) -> Q:
    """Condition: attached to one of ``owners``."""
    keys: dict[Any, list[str]] = defaultdict(list)
    for owner in owners:
        keys[owner.type_id].append(owner.key)
    found = Q(pk__in=[])
    for type_id, named in keys.items():
        if type_id is not None:
            found |= Q(owner_type_id=type_id, owner_id__in=named)
    return found


def attachments_of(owner: Owner) -> QuerySet[Attachment]:
    if owner.type_id is None:
        return Attachment.objects.none()
    return Attachment.objects.filter(owner_type_id=owner.type_id, owner_id=owner.key).order_by()


def loose_uploads_of(owner: Owner) -> QuerySet[Asset]:
    """What the owner has uploaded itself and nothing is attached to."""
    attached = Attachment.objects.filter(asset=OuterRef("pk"))
    return Asset.objects.filter(actor=owner.name).exclude(state="deleted").exclude(Exists(attached))


def require_known(owner: Owner) -> None:
    """Raises RequestRefused("unknown_owner") for one that left no trace: a slip of the pen must not
    read as erased (C1.9)."""
    known = (
        attachments_of(owner).exists()
        or Asset.objects.filter(actor=owner.name).exists()
        or Erasure.objects.filter(owner=owner.name).exists()
        or (owner.model is not None and owner.model._base_manager.filter(pk=owner.key).exists())
    )
    if not known:
        raise RequestRefused("unknown_owner", owner=owner.name)
