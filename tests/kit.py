"""The vocabulary of the tests: pictures, uploads, and what is left in a storage."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.db import connections, transaction
from django.db.models.functions import Now
from PIL import Image

from rindle_django import (
    Profile,
    UploadTicket,
    initiate_upload,
    sign_upload,
    upload,
    verify_upload,
)
from rindle_django.errors import RequestRefused, RindleError
from rindle_django.models import Asset, StoredObject, Transition, UploadSession
from rindle_django.profiles import unregister
from rindle_django.storage import adapter_for
from rindle_django.testing import drain_jobs


def picture(
    width: int = 640, height: int = 480, form: str = "JPEG", mode: str = "RGB", **options: Any
) -> bytes:
    """An image file with a gradient, so that no two sizes look alike."""
    image = Image.linear_gradient("L").resize((width, height)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def named(content: bytes, name: str) -> ContentFile[bytes]:
    return ContentFile(content, name=name)


def arrive(
    content: bytes,
    *,
    profile: str = "photo",
    filename: str = "photo.jpg",
    content_type: str = "image/jpeg",
    actor: Any = None,
    declared_size: int | None = None,
    sha256: str = "",
) -> Asset:
    """A direct upload whose bytes a client put into storage by the signed request, verified."""
    ticket = initiate_upload(
        profile,
        filename=filename,
        content_type=content_type,
        byte_size=declared_size or len(content),
        sha256=sha256,
        actor=actor,
    )
    sign_upload(ticket.ticket, actor=actor)
    stage(ticket.asset_id, content)
    return verify_upload(ticket.ticket, actor=actor)


def stage(asset_id: UUID | str, content: bytes) -> StoredObject:
    """Put bytes under an upload's staging key, as a client that got past the signature would."""
    staging = StoredObject.objects.get(asset_id=asset_id, purpose="staging")
    adapter_for(staging.storage).put_stream(
        staging.key,
        [content],
        length=None,
        content_type="application/octet-stream",
        limit=1 << 40,
    )
    return staging


def ready(content: bytes | None = None, *, profile: str = "photo", **options: Any) -> Asset:
    """An asset that went all the way."""
    asset = upload(profile, named(content or picture(), "photo.jpg"), **options)
    drain_jobs()
    return fresh(asset)


def fresh(asset: Asset) -> Asset:
    return Asset.objects.get(pk=asset.pk)


def variant_states(asset: Asset) -> dict[str, str]:
    return dict(asset.variants.values_list("name", "state"))


def files_in(folder: Path) -> set[str]:
    """Keys of all objects in a file system storage."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }


def ledger_keys(*states: str) -> set[str]:
    return set(StoredObject.objects.filter(state__in=states).values_list("key", flat=True))


def queued_jobs(task: str | None = None) -> list[dict[str, Any]]:
    """Arguments of the library's waiting jobs."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT task_name, args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id"
        )
        rows = [(name, dict(_decoded(args))) for name, args in cursor.fetchall()]
    return [args for name, args in rows if task in (None, name)]


def _decoded(value: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
    return decoded


def edges(asset: Asset, subject: str = "asset") -> list[str]:
    """The committed transitions of one kind of row of an asset, in order, as ``a>b``."""
    rows = Transition.objects.filter(asset_id=asset.pk, subject=subject).order_by("id")
    return [f"{row.from_state}>{row.to_state}" for row in rows]


@contextmanager
def refused(code: str) -> Iterator[None]:
    """The block is refused with this code."""
    with pytest.raises(RequestRefused) as caught:
        yield
    assert caught.value.code == code


def promise(**declared: Any) -> UploadTicket:
    """A ticket for an upload that was begun; what is not said is as usual."""
    usual: dict[str, Any] = {
        "profile": "photo",
        "filename": "photo.jpg",
        "content_type": "image/jpeg",
        "byte_size": len(JPEG),
    }
    return initiate_upload(**usual | declared)


def session_of(ticket: UploadTicket) -> UploadSession:
    return UploadSession.objects.select_related("asset", "staging").get(pk=ticket.session_id)


def code_of(action: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    """The stable code of the error that ``action`` raises."""
    with pytest.raises(RindleError) as raised:
        action(*args, **kwargs)
    return raised.value.code


def run_out(ticket: UploadTicket) -> None:
    """Let an upload's time pass."""
    UploadSession.objects.filter(pk=ticket.session_id).update(
        expires_at=Now() - timedelta(seconds=1)
    )


def settle(asset_id: UUID | str) -> None:
    """Let the time pass in which a late writer could still be writing."""
    past = Now() - timedelta(seconds=1)
    objects = StoredObject.objects.filter(asset_id=asset_id)
    objects.update(settles_at=past)
    objects.filter(wake_at__isnull=False).update(wake_at=past)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims to be enormous."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(9999))), chunk(b"IEND", b"")]
    )


@contextmanager
def declared(name: str, **options: Any) -> Iterator[type[Profile]]:
    """A profile that is known for as long as the block lasts."""
    profile: type[Profile] = type(name.title(), (Profile,), {"name": name, **options})
    try:
        yield profile
    finally:
        unregister(profile)


JPEG = picture(64, 48)


@contextmanager
def rolled_back() -> Iterator[None]:
    """A transaction that does everything and then takes it back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
