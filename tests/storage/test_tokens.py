"""Tokens: what may be done with one, for how long, and that nothing else passes for one."""

from __future__ import annotations

import string
import time

import pytest
from django.core.signing import Signer
from django.test import override_settings
from hypothesis import given, strategies as st

from rindle_django.errors import RequestRefused
from rindle_django.storage.tokens import (
    GetGrant,
    ManifestGrant,
    PutGrant,
    get_token,
    manifest_token,
    put_token,
    read_get,
    read_manifest,
    read_put,
)
from rindle_django.storage.window import MAX_WINDOW, window_for

KEY = "incoming/asset/object.jpg"


def a_put_token(expires_in: int = 60) -> str:
    return put_token(
        "store",
        KEY,
        length=7,
        content_type="image/png",
        sha256="a" * 64,
        expires_in=expires_in,
    )


def a_get_token(ttl: int = 60) -> str:
    return get_token(
        "store", KEY, content_type="image/png", disposition='inline; filename="ä.png"', ttl=ttl
    )


def refusal_of(read, token: str) -> str:
    with pytest.raises(RequestRefused) as refusal:
        read(token)
    return refusal.value.code


def test_a_token_says_what_it_was_made_for():
    put, get = read_put(a_put_token()), read_get(a_get_token())

    assert put == PutGrant("store", KEY, 7, "image/png", "a" * 64, put.expires)
    assert get == GetGrant("store", KEY, "image/png", 'inline; filename="ä.png"', get.expires)


def test_no_character_of_a_token_can_be_changed__S24():
    token = a_put_token()

    for position, character in enumerate(token):
        other = "A" if character != "A" else "B"
        changed = token[:position] + other + token[position + 1 :]
        if position == len(token) - 1 and _same_bits(character, other):
            continue
        assert refusal_of(read_put, changed) == "url_invalid"
    assert read_put(token).key == KEY


def _same_bits(one: str, other: str) -> bool:
    """Whether two last characters of base64 differ only in bits that encode nothing."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    return alphabet.index(one) >> 2 == alphabet.index(other) >> 2


@given(st.text())
def test_nothing_invented_is_a_token(text):
    assert refusal_of(read_put, text) == "url_invalid"
    assert refusal_of(read_get, text) == "url_invalid"


@given(st.text(alphabet=string.ascii_letters + string.digits + "-_:."))
def test_nothing_appended_keeps_a_token_good(text):
    for token in (f"{text}{a_get_token()}", f"{a_get_token()}{text}"):
        if text:
            assert refusal_of(read_get, token) == "url_invalid"


def test_neither_kind_of_token_passes_for_the_other():
    assert refusal_of(read_get, a_put_token()) == "url_invalid"
    assert refusal_of(read_put, a_get_token()) == "url_invalid"


def test_other_things_signed_with_the_same_key_are_no_tokens():
    payload = ["store", KEY, "image/png", None, 1 << 40]

    assert refusal_of(read_get, Signer().sign_object(payload)) == "url_invalid"
    assert refusal_of(read_get, Signer(salt="other").sign_object(payload)) == "url_invalid"


def test_a_token_ends(monkeypatch):
    put, get = a_put_token(), a_get_token()
    now = time.time()

    monkeypatch.setattr(time, "time", lambda: now + 59)
    assert read_put(put)
    assert read_get(get)

    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert refusal_of(read_put, put) == "url_expired"

    monkeypatch.setattr(time, "time", lambda: now + 91)
    assert refusal_of(read_get, get) == "url_expired"


def test_an_expired_forgery_is_invalid_not_expired():
    """Or a stranger could learn which tokens were once good."""
    token = a_put_token(expires_in=-1)

    assert refusal_of(read_put, token) == "url_expired"
    assert refusal_of(read_put, "B" + token[1:]) == "url_invalid"


def test_tokens_outlive_a_change_of_the_secret_key():
    with override_settings(SECRET_KEY="old"):
        token = a_put_token()

    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        assert read_put(token).key == KEY
    with override_settings(SECRET_KEY="new"):
        assert refusal_of(read_put, token) == "url_invalid"


def test_a_link_is_the_same_throughout_a_window(monkeypatch):
    start = window_for(60).start + 3000
    issued = []
    for second in range(31):
        monkeypatch.setattr(time, "time", lambda moment=start + second: moment)
        issued.append(a_get_token(ttl=60))
        assert read_get(issued[-1]).expires - time.time() >= 60

    assert len(set(issued[:30])) == 1
    assert issued[30] != issued[0]


@given(ttl=st.integers(1, 7 * 86_400), now=st.floats(0, 1 << 33))
def test_a_window_is_open_and_leaves_the_life_that_was_asked_for(ttl, now):
    window = window_for(ttl, now)

    assert window.start <= now < window.end
    assert window.end + ttl - now > ttl
    assert window.length <= min(max(1, ttl // 2), MAX_WINDOW)


def test_a_token_for_a_text_passes_for_no_other_and_no_other_for_it__S24():
    token = manifest_token("store", KEY, life=60, subject="anna")
    for read in (read_get, read_put):
        with pytest.raises(RequestRefused) as refusal:
            read(token)
        assert refusal.value.code == "url_invalid"
    for other in (a_get_token(), a_put_token()):
        with pytest.raises(RequestRefused):
            read_manifest(other)


def test_a_token_for_a_text_lives_as_told_or_as_long_as_another(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(time, "time", lambda: 1_000_000_000.0)
    own = read_manifest(manifest_token("store", KEY, life=60))
    assert own == ManifestGrant("store", KEY, 60, own.expires)
    assert 60 <= own.expires - 1_000_000_000 <= 90
    told = read_manifest(manifest_token("store", KEY, life=60, expires=1_000_000_005))
    assert told.expires == 1_000_000_005
