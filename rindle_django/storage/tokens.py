"""Tokens in the URLs of our own views: for storages that cannot sign URLs of their own, and for
texts whose links have to be signed when they are read.

A token carries everything its request may do. It is signed with SECRET_KEY (and read with
SECRET_KEY_FALLBACKS), with a salt for each purpose, so that neither kind passes for the other.
"""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass
from typing import Any, TypeVar

from django.core.signing import BadSignature, Signer
from django.urls import NoReverseMatch, reverse

from rindle_django.actors import NOBODY
from rindle_django.errors import Misconfigured, RequestRefused
from rindle_django.storage.base import SignedURL
from rindle_django.storage.window import window_for


@dataclass(frozen=True)
class PutGrant:
    """Leave to store one object, as declared. ``expires`` is in Unix seconds."""

    alias: str
    key: str
    length: int
    content_type: str
    sha256: str | None
    expires: int


@dataclass(frozen=True)
class GetGrant:
    """Leave to read one object, with these headers. ``expires`` is in Unix seconds; ``subject``
    names the one whom it was given."""

    alias: str
    key: str
    content_type: str
    disposition: str | None
    expires: int
    subject: str = NOBODY


@dataclass(frozen=True)
class ManifestGrant:
    """Leave to read a text that names the other files of an output, and these with it.

    Each of them can be read for ``life`` seconds from when the text was asked for. ``expires`` is
    in Unix seconds.
    """

    alias: str
    key: str
    life: int
    expires: int
    subject: str = NOBODY


Grant = TypeVar("Grant", PutGrant, GetGrant, ManifestGrant)

SALTS: dict[type[Any], str] = {
    PutGrant: "rindle.storage.put",
    GetGrant: "rindle.storage.get",
    ManifestGrant: "rindle.delivery.manifest",
}


def put_token(
    alias: str, key: str, *, length: int, content_type: str, sha256: str | None, expires_in: int
) -> str:
    expires = int(time.time()) + expires_in
    return _write(PutGrant(alias, key, length, content_type, sha256, expires))


def get_token(
    alias: str,
    key: str,
    *,
    content_type: str,
    disposition: str | None,
    ttl: int,
    subject: str = NOBODY,
) -> str:
    """The same token for a subject that asks again within a window; ``ttl`` seconds or more to
    live."""
    expires = window_for(ttl).end + ttl
    return _write(GetGrant(alias, key, content_type, disposition, expires, subject))


def manifest_token(
    alias: str, key: str, *, life: int, subject: str = NOBODY, expires: int | None = None
) -> str:
    """As ``get_token``; ``expires`` is given where the token comes out of another's text."""
    expires = window_for(life).end + life if expires is None else expires
    return _write(ManifestGrant(alias, key, life, expires, subject))


def view_url(view: str, token: str) -> SignedURL:
    """The address of our own ``view``. Raises Misconfigured("urls_not_mounted")."""
    try:
        return SignedURL(reverse(f"rindle:{view}", kwargs={"token": token}))
    except NoReverseMatch as error:
        raise Misconfigured("urls_not_mounted", view=view) from error


def read_put(token: str) -> PutGrant:
    """What ``token`` allows; raises RequestRefused "url_invalid" or "url_expired"."""
    return _read(token, PutGrant)


def read_get(token: str) -> GetGrant:
    """What ``token`` allows; raises RequestRefused "url_invalid" or "url_expired"."""
    return _read(token, GetGrant)


def read_manifest(token: str) -> ManifestGrant:
    """What ``token`` allows; raises RequestRefused "url_invalid" or "url_expired"."""
    return _read(token, ManifestGrant)


def _write(grant: PutGrant | GetGrant | ManifestGrant) -> str:
    return Signer(salt=SALTS[type(grant)]).sign_object(astuple(grant))


def _read(token: str, kind: type[Grant]) -> Grant:
    if not token.isascii():  # the signer would fail on lone surrogates instead of refusing them
        raise RequestRefused("url_invalid")
    try:
        grant = kind(*Signer(salt=SALTS[kind]).unsign_object(token))
    except BadSignature:
        raise RequestRefused("url_invalid") from None
    if grant.expires <= time.time():
        raise RequestRefused("url_expired")
    return grant
