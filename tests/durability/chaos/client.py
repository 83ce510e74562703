"""A web process of the site: it uploads by the public API, and writes down what it was told.

Before a call it says what it is about to do, after it what was answered. What it does not live to
say may have happened or not; what it said, has to hold.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from django.core.files.base import ContentFile
from django.db import Error as DatabaseError, connections
from django.test import Client
from PIL import Image
from procrastinate.exceptions import ConnectorException

from rindle_django import (
    abort_upload,
    attach,
    detach,
    initiate_upload,
    sign_upload,
    upload,
    verify_upload,
)
from rindle_django.errors import RequestRefused, TransientFailure
from tests.durability.chaos.journal import BOARD, HISTORY, Board, note
from tests.durability.chaos.models import Album

T = TypeVar("T")
ALBUM_SIZE = 12
DEBT = 10.0  # seconds of lost time that a client makes up for
NAMES = {"snap": ("snap.jpg", "image/jpeg"), "note": ("note.pdf", "application/pdf")}
THROUGH_US = 0.5  # share of uploads that go through the server instead of straight to storage
LOOSE = 0.4  # share of uploads that are attached to nothing
SNAPS = 0.25  # share of uploads that are pictures


class GaveUp(Exception):
    """The protocol has no way on: the client starts another upload."""


@dataclass
class Site:
    """One client's albums; ``rate`` is how many uploads it begins in a second."""

    rate: float
    album: Album | None = None
    inside: list[tuple[str, str]] = field(default_factory=list)

    def run(self) -> None:
        due = time.monotonic()
        while not BOARD.raised(Board.CLOSING):
            due = max(due + 1 / self.rate, time.monotonic() - DEBT)
            time.sleep(max(0.0, due - time.monotonic()))
            if BOARD.raised(Board.HOLD):
                due = time.monotonic() + 0.2
                continue
            try:
                self._upload()
            except GaveUp as why:
                note(HISTORY, "gave up", "", why)

    def _upload(self) -> None:
        kind = "snap" if random.random() < SNAPS else "note"
        content = snap() if kind == "snap" else pdf()
        way = _send_through_us if random.random() < THROUGH_US else _send
        asset_id = way(kind, content)
        if asset_id is None or random.random() < LOOSE:
            return
        slot = random.choice(("cover", "snaps")) if kind == "snap" else "notes"
        self._attach(slot, asset_id)
        if len(self.inside) >= ALBUM_SIZE:
            self._close_album()
        elif random.random() < 0.1:
            self._take_out(*random.choice(self.inside))

    def _attach(self, slot: str, asset_id: str) -> None:
        if self.album is None:
            self.album = _insist(Album._default_manager.create)
        album = self.album
        for before in [each for each in self.inside if each[0] == slot == "cover"]:
            note(HISTORY, "leaving", before[1])
            self.inside.remove(before)
        note(HISTORY, "attaching", asset_id)
        _insist(lambda: attach(album, slot, asset_id))
        note(HISTORY, "attached", asset_id)
        self.inside.append((slot, asset_id))

    def _take_out(self, slot: str, asset_id: str) -> None:
        album = self.album
        assert album is not None
        note(HISTORY, "leaving", asset_id)
        _insist(lambda: detach(album, slot, asset_id))
        note(HISTORY, "left", asset_id)
        self.inside.remove((slot, asset_id))

    def _close_album(self) -> None:
        """Every third album is deleted with all that is in it, the others stay."""
        album, inside = self.album, self.inside
        assert album is not None
        self.album, self.inside = None, []
        if random.random() < 1 / 3:
            for _, asset_id in inside:
                note(HISTORY, "leaving", asset_id)
            key = album.pk  # Django takes it off the instance
            _insist(lambda: Album._default_manager.filter(pk=key).delete())
            for _, asset_id in inside:
                note(HISTORY, "left", asset_id)


def _send(kind: str, content: bytes) -> str | None:
    """One upload, step by step; the asset's id once its verification was acknowledged."""
    name, mime = NAMES[kind]
    declared: dict[str, Any] = {"filename": name, "content_type": mime, "byte_size": len(content)}
    ticket = _insist(lambda: initiate_upload(kind, **declared))
    asset_id = ticket.asset_id
    note(HISTORY, "promised", asset_id)
    whim = random.random()
    if whim < 0.03:  # walks away
        return None
    _insist(lambda: _put(ticket.ticket, content))
    if whim < 0.06:  # walks away a step later
        return None
    if whim < 0.09:
        note(HISTORY, "leaving", asset_id)
        _insist(lambda: abort_upload(ticket.ticket))
        note(HISTORY, "left", asset_id)
        return None
    _insist(lambda: verify_upload(ticket.ticket))
    note(HISTORY, "verified", asset_id, hashlib.sha256(content).hexdigest())
    if whim < 0.2:  # the button was pressed twice
        again = str(_insist(lambda: verify_upload(ticket.ticket)).pk)
        note(HISTORY, "verified" if again == asset_id else "other answer", asset_id)
    return asset_id


def _send_through_us(kind: str, content: bytes) -> str:
    name, _ = NAMES[kind]
    asset = _insist(lambda: upload(kind, ContentFile(content, name=name)))
    note(HISTORY, "verified", asset.pk, hashlib.sha256(content).hexdigest())
    return str(asset.pk)


def _put(ticket: str, content: bytes) -> None:
    """The bytes, by the signed request. What was received already need not be sent again."""
    signed = sign_upload(ticket)
    answer = _browser().generic(
        signed.method, str(signed.url), content, content_type=signed.headers["Content-Type"]
    )
    if answer.status_code >= 500:
        raise TransientFailure(
            "storage_unavailable", alias="", operation="PUT", detail=str(answer.status_code)
        )
    if answer.status_code not in (201, 409):
        raise GaveUp(f"PUT: {answer.status_code}")


@cache
def _browser() -> Client:
    return Client(raise_request_exception=False)


def _insist(call: Callable[[], T]) -> T:
    """Ask until there is an answer: no database and no storage is none."""
    while True:
        try:
            return call()
        except (DatabaseError, ConnectorException, TransientFailure):
            connections.close_all()
            time.sleep(random.uniform(0.05, 0.3))
        except RequestRefused as refusal:
            raise GaveUp(refusal.code) from refusal


def pdf() -> bytes:
    return b"%PDF-1.4\n%" + os.urandom(random.randrange(500, 5000)).hex().encode() + b"\n%%EOF\n"


def snap() -> bytes:
    """A small picture that no two are alike of: a comment says which it is."""
    comment = os.urandom(16).hex().encode()
    picture = _picture()
    return picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:]


@cache
def _picture() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()
