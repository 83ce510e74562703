"""Streams and storyboards in private: each name in their texts becomes a URL, and nothing else."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from rindle_django import Delivery, discard, streaming_url, variant_url
from rindle_django.delivery.manifest import MAX_MANIFEST
from rindle_django.models import Asset, StoredObject
from rindle_django.storage import adapter_for, tokens
from rindle_django.testing import Recorder
from tests.delivery.films import (
    MASTER,
    MEDIA,
    SECOND,
    cinema,
    expected,
    filled,
    film,
    kept,
    name_of,
    storyboard,
    stream,
)
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _cinema() -> Iterator[None]:
    with cinema():
        yield


@pytest.fixture
def asset() -> Asset:
    return film()


def token_of(address: str) -> str:
    return urlsplit(address).path.rstrip("/").rsplit("/", 1)[-1]


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.content
    return str(response.content.decode())


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def links_in(text: str) -> list[str]:
    """What a player would ask for, in order."""
    named = [line for line in text.splitlines() if line and not line.startswith("#")]
    return named + re.findall(r'URI="([^"]*)"', text)


# --- a stream ----------------------------------------------------------------------------------


def test_a_player_gets_from_the_url_to_the_bytes__W4_6(asset: Asset, client: Any):
    stream(asset)
    master = client.get(variant_url(asset, "hls"))
    (playlist,) = links_in(text_of(master))
    assert "/rindle/manifest/" in playlist
    media = client.get(playlist)
    links = links_in(text_of(media))
    assert len(links) == 3
    assert len(set(links)) == 1
    part = client.get(links[0], headers={"Range": "bytes=4-9"})
    assert (part.status_code, part.body) == (206, b"abcdef")
    assert part.headers["Content-Type"] == "video/mp4"
    for response in (master, media):
        assert response.headers["Content-Type"] == "application/vnd.apple.mpegurl"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"


def test_all_but_the_names_stays_as_it_was(asset: Asset, client: Any):
    files = stream(asset)
    master = text_of(client.get(variant_url(asset, "hls")))
    (playlist,) = links_in(master)
    assert master.replace(playlist, "{playlist}") == MASTER
    media = text_of(client.get(playlist))
    assert media.replace(links_in(media)[0], "{film}") == MEDIA
    assert name_of(files["film"]) not in media


def test_streaming_and_the_variant_have_one_url(asset: Asset):
    stream(asset)
    assert streaming_url(asset).url == variant_url(asset, "hls")


def test_a_storyboard_leads_to_its_sheet(asset: Asset, client: Any):
    storyboard(asset)
    response = client.get(variant_url(asset, "storyboard"))
    text = text_of(response)
    assert response.headers["Content-Type"] == "text/vtt"
    regions = re.findall(r"^(\S+)#xywh=(\d+),0,160,90$", text, re.MULTILINE)
    assert [x for _, x in regions] == ["0", "160"]
    assert text.startswith("WEBVTT\n\n00:00.000 --> 00:02.000\n")
    assert client.get(regions[0][0]).body == b"sheet"


def test_a_public_stream_needs_no_view_of_ours__W4_2():
    with cinema(storage="public", delivery=Delivery(public=True)):
        asset = film(storage="public")
        files = stream(asset)
        address = variant_url(asset, "hls")
    assert address == f"/public-media/{files['main'].key}"
    text = adapter_for("public").read_range(files["main"].key, 0, 10_000).decode()
    (name,) = links_in(text)
    beside = files["main"].key.rsplit("/", 1)[0]
    assert f"{beside}/{name}" == files["playlist"].key


def test_a_download_is_the_text_as_it_is_stored(asset: Asset, client: Any):
    files = stream(asset)
    response = client.get(variant_url(asset, "hls", download=True))
    assert name_of(files["playlist"]) in response.body.decode()
    assert response.headers["Content-Disposition"] == 'attachment; filename="a film.m3u8"'


def test_only_reading_is_answered(asset: Asset, client: Any):
    stream(asset)
    address = variant_url(asset, "hls")
    assert client.post(address).status_code == 405
    head = client.head(address)
    assert (head.status_code, head.body) == (200, b"")


# --- nothing else ------------------------------------------------------------------------------

FOREIGN = {
    "a file of another": "{foreign}",
    "an address": "https://elsewhere.example/a.ts",
    "a way out": "../../secret",
    "a file of the asset": "{original}",
    "itself": "{main}",
    "nothing that there is": "0b7e7c5a-0000-4000-8000-000000000000.mp4",
}


@pytest.mark.parametrize("name", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize(
    "form", ["{name}", '#EXT-X-MAP:URI="{name}"', '#EXT-X-KEY:A=B,URI="{name}"']
)
def test_a_text_that_names_what_is_not_its_own_is_refused(
    asset: Asset, client: Any, name: str, form: str
):
    other = stream(film())
    main = expected(asset, "application/vnd.apple.mpegurl", extension=".m3u8")
    assert asset.original is not None
    named = name.format(
        foreign=name_of(other["film"]), original=name_of(asset.original), main=name_of(main)
    )
    filled(main, f"#EXTM3U\n{form.format(name=named)}\n".encode())
    assert code(client.get(address_of(main))) == (404, "media_not_found")


def address_of(stored: StoredObject, **terms: Any) -> str:
    """As it would be issued, be it for what never is."""
    return tokens.view_url(
        "manifest", tokens.manifest_token(stored.storage, stored.key, **{"life": 60} | terms)
    )


def test_cues_of_other_files_are_refused(asset: Asset, client: Any):
    other = storyboard(film())
    main = expected(asset, "text/vtt", extension=".vtt")
    filled(main, f"WEBVTT\n\n00:00 --> 00:01\n{name_of(other['sheet'])}#xywh=0,0,1,1\n".encode())
    assert code(client.get(address_of(main))) == (404, "media_not_found")


def test_a_part_that_is_gone_ends_the_stream__W4_11(asset: Asset, client: Any):
    files = stream(asset)
    StoredObject.objects.filter(pk=files["playlist"].pk).update(state="doomed")
    assert code(client.get(variant_url(asset, "hls"))) == (404, "media_not_found")


def test_a_text_whose_bytes_are_gone_is_not_there__W4_11(asset: Asset, client: Any):
    files = stream(asset)
    address = variant_url(asset, "hls")
    adapter_for("default").delete([files["main"].key])
    assert code(client.get(address)) == (404, "media_not_found")


def test_what_is_no_such_text_is_not_read(asset: Asset, client: Any):
    assert asset.original is not None
    assert code(client.get(address_of(asset.original))) == (404, "media_not_found")
    binary = kept(asset, b"\xff\xfe\x00", "text/vtt")
    assert code(client.get(address_of(binary))) == (404, "media_not_found")


def test_a_text_without_end_is_not_read(asset: Asset, client: Any):
    within = kept(asset, b"WEBVTT\n".ljust(MAX_MANIFEST, b"\n"), "text/vtt")
    assert client.get(address_of(within)).status_code == 200
    beyond = kept(asset, b"WEBVTT\n".ljust(MAX_MANIFEST + 1, b"\n"), "text/vtt")
    assert code(client.get(address_of(beyond))) == (404, "media_not_found")


def test_the_text_of_a_long_film_is_quick(asset: Asset, client: Any):
    """Four hours in segments of two seconds: one name, signed once."""
    segment = "#EXTINF:2.000000,\n#EXT-X-BYTERANGE:6@4\n{film}\n"
    stream(asset, media=MEDIA.replace("#EXT-X-ENDLIST", segment * 7200 + "#EXT-X-ENDLIST"))
    (playlist,) = links_in(text_of(client.get(variant_url(asset, "hls"))))
    began = time.perf_counter()
    links = links_in(text_of(client.get(playlist)))
    assert time.perf_counter() - began < 1
    assert (len(links), len(set(links))) == (7203, 1)


# --- who, when ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", ["quarantine", "discard"])
def test_what_was_taken_back_stops_at_once__W4_11(asset: Asset, client: Any, stop: str):
    stream(asset)
    master = variant_url(asset, "hls")
    (playlist,) = links_in(text_of(client.get(master)))
    (part, *_) = links_in(text_of(client.get(playlist)))
    if stop == "quarantine":
        Asset.objects.filter(pk=asset.pk).update(state="quarantined")
    else:
        discard(asset.pk)
    for address in (master, playlist, part):
        assert code(client.get(address)) == (404, "media_not_found")


def test_a_forged_or_foreign_token_is_refused__S24(asset: Asset, client: Any):
    files = stream(asset)
    address = str(variant_url(asset, "hls"))
    token = token_of(address)
    payload, signature = token.rsplit(":", 1)
    get = tokens.get_token(
        "default", files["main"].key, content_type="text/vtt", disposition=None, ttl=60
    )
    dice = random.Random(1)
    flipped = []
    for _ in range(50):
        at = dice.randrange(len(token))
        changed = "A" if token[at] != "A" else "B"
        # The last character of a signature has bits to spare, and forging them changes nothing.
        if at < len(token) - 1:
            flipped.append(token[:at] + changed + token[at + 1 :])
    for forged in (payload, payload + ":" + signature[::-1], get, "x", *flipped):
        assert code(client.get(address.replace(token, forged))) == (403, "url_invalid")
    media = tokens.view_url("media", token)
    assert code(client.get(media)) == (403, "url_invalid")


def test_a_link_ends_with_its_time_and_so_do_those_in_its_text(
    asset: Asset, client: Any, monkeypatch: pytest.MonkeyPatch
):
    stream(asset)
    master = variant_url(asset, "hls", ttl=60)
    expires = tokens.read_manifest(token_of(master)).expires
    monkeypatch.setattr(time, "time", lambda: float(expires - 1))
    (playlist,) = links_in(text_of(client.get(master)))
    assert tokens.read_manifest(token_of(playlist)).expires == expires
    monkeypatch.setattr(time, "time", lambda: float(expires))
    for address in (master, playlist):
        assert code(client.get(address)) == (410, "url_expired")


def test_a_film_that_is_longer_than_its_link_plays_to_its_end(
    client: Any, monkeypatch: pytest.MonkeyPatch
):
    start = 1_900_000_000.0
    monkeypatch.setattr(time, "time", lambda: start)
    asset = film(duration_ms=3 * 3600 * SECOND)
    stream(asset)
    master = variant_url(asset, "hls", ttl=60)
    # Begun as late as the link allows, and another rendition chosen shortly before the end.
    monkeypatch.setattr(time, "time", lambda: start + 60)
    (playlist,) = links_in(text_of(client.get(master)))
    (early, *_) = links_in(text_of(client.get(playlist)))
    monkeypatch.setattr(time, "time", lambda: start + 60 + 3 * 3600 - 1)
    (late, *_) = links_in(text_of(client.get(playlist)))
    for part in (early, late):
        assert client.get(part).status_code == 200


def test_the_urls_of_the_parts_are_the_same_within_a_window__S21(
    asset: Asset, client: Any, monkeypatch: pytest.MonkeyPatch
):
    stream(asset)
    monkeypatch.setattr(time, "time", lambda: 1_900_000_000.0)
    (playlist,) = links_in(text_of(client.get(variant_url(asset, "hls"))))
    first = text_of(client.get(playlist))
    monkeypatch.setattr(time, "time", lambda: 1_900_000_002.0)
    assert text_of(client.get(playlist)) == first


def test_the_reader_is_known_to_the_last_part(asset: Asset, client: Any, events: Recorder):
    stream(asset)
    (playlist,) = links_in(text_of(client.get(variant_url(asset, "hls", actor=User(pk=7)))))
    (part, *_) = links_in(text_of(client.get(playlist)))
    client.get(part, headers={"Range": "bytes=0-3"})
    (told,) = events.named("rindle.delivery.range_request")
    assert told["actor_subject"] == "auth.user:7"


def test_no_text_comes_with_a_cookie__S21(asset: Asset, client: Any, settings: Settings):
    stream(asset)
    settings.SESSION_SAVE_EVERY_REQUEST = True
    client.force_login(User.objects.create_user("anna"))
    assert not client.get(variant_url(asset, "hls")).cookies


# --- cost --------------------------------------------------------------------------------------


def test_a_stream_is_one_event_however_many_files_it_has__W4_4(
    asset: Asset, client: Any, events: Recorder
):
    stream(asset)
    (playlist,) = links_in(text_of(client.get(streaming_url(asset).url)))
    client.get(playlist)
    assert len(events.named("rindle.delivery.signed")) == 1


def test_a_text_costs_two_queries_and_one_read(sky: Sky, client: Any):
    asset = film()
    stream(asset)
    address = variant_url(asset, "hls")
    sky.calls.clear()
    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    assert len(captured) == 2
    assert sky.calls["read_range"] == 1
