"""A client that keeps a diary of what it was told, and goes by the protocol when it was not."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import Group
from django.test import Client as Browser

from rindle_django import attach, detach, initiate_upload, sign_upload, verify_upload
from rindle_django.storage import SignedRequest
from tests.kit import picture

OWNER = 1
ALREADY_THERE = (409, 412)


class CaughtUp(Exception):
    """All that was begun before is done now."""


class Unanswered(Exception):
    """A server had an error, so the client knows nothing."""


class Diary:
    """Notes that outlive their writer: each is one write to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.notes: dict[str, Any] = dict(json.loads(line) for line in lines)

    def note(self, what: str, answer: Any = None) -> None:
        page = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(page, json.dumps([what, answer]).encode() + b"\n")
        finally:
            os.close(page)
        self.notes[what] = answer


@cache
def photo(name: str) -> bytes:
    """A tiny file, another for each name."""
    return picture(24 + len(name), 24, "PNG")


class Client:
    """One who uploads photos and puts them into the slot of one owner.

    Begins its story at the start each time; what its diary has an answer to is not asked again. A
    client that is ``retrying`` stops where its predecessor had not begun.
    """

    def __init__(self, diary: Diary, *, retrying: bool = False) -> None:
        self._diary = diary
        self._retrying = retrying

    def uploads(self, name: str) -> None:
        with self._doing(f"uploads {name}"):
            ticket = self._told(f"{name} promised", lambda: _begin(name))
            self._told(f"{name} sent", lambda: _send(sign_upload(ticket["ticket"]), photo(name)))
            self._told(f"{name} verified", lambda: str(verify_upload(ticket["ticket"]).pk))

    def attaches(self, name: str) -> None:
        with self._doing(f"attaches {name}"):
            asset_id = self._diary.notes[f"{name} promised"]["asset_id"]
            self._told(f"{name} attached", lambda: str(attach(_owner(), "cover", asset_id).pk))

    def detaches(self) -> None:
        with self._doing("detaches"):
            self._told("detached", lambda: detach(_owner(), "cover"))

    def does(self, what: str, act: Callable[[], Any]) -> None:
        """Anything else, done anew as long as it has not returned."""
        with self._doing(what):
            self._told(f"did {what}", act)

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        if self._retrying and f"begins: {what}" not in self._diary.notes:
            raise CaughtUp
        if f"begins: {what}" not in self._diary.notes:
            self._diary.note(f"begins: {what}")
        yield

    def _told(self, what: str, ask: Callable[[], Any]) -> Any:
        if what not in self._diary.notes:
            self._diary.note(what, ask())
        return self._diary.notes[what]


def _owner() -> Group:
    return Group.objects.get(pk=OWNER)


def _begin(name: str) -> dict[str, str]:
    ticket = initiate_upload(
        "snapshot",
        filename=f"{name}.png",
        content_type="image/png",
        byte_size=len(photo(name)),
    )
    return {"ticket": ticket.ticket, "asset_id": ticket.asset_id}


def _send(signed: SignedRequest, content: bytes) -> str:
    """PUT the bytes. That somebody did so before is as good as having done it."""
    status = (_put_far if urlsplit(signed.url).netloc else _put_here)(signed, content)
    if status in ALREADY_THERE:
        return "was there"
    if status not in (200, 201):
        raise Unanswered(status)
    return "stored"


def _put_here(signed: SignedRequest, content: bytes) -> int:
    """To the library's own view, in this process."""
    headers = {name: value for name, value in signed.headers.items() if name != "Content-Type"}
    return (
        Browser(headers=headers)
        .put(signed.url, content, content_type=signed.headers["Content-Type"])
        .status_code
    )


def _put_far(signed: SignedRequest, content: bytes) -> int:
    request = urllib.request.Request(
        signed.url, data=content, method=signed.method, headers=signed.headers
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code
