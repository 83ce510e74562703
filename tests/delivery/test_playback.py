"""What is played: the best that is there now, and always something."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django import Settings

from rindle_django import Delivery, Playback, astreaming_url, streaming_url, variant_url
from rindle_django.delivery.playback import Preference
from rindle_django.lifecycle import locked
from rindle_django.models import Asset, Variant
from rindle_django.processing.retire import retire
from rindle_django.profiles import get_profile
from rindle_django.storage.tokens import read_get, read_manifest
from rindle_django.testing import Recorder
from tests.app.media import OnlyOwner
from tests.delivery.films import SECOND, cinema, film, made, published, stream
from tests.kit import fresh, ready, refused
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)

ORIGINAL = "original"
HLS = "application/vnd.apple.mpegurl"


@pytest.fixture(autouse=True)
def _cinema() -> Iterator[None]:
    with cinema():
        yield


def key_of(playback: Playback) -> str:
    token = urlsplit(playback.url).path.rstrip("/").rsplit("/", 1)[-1]
    return read_manifest(token).key if playback.kind == "hls" else read_get(token).key


def played(asset: Asset, **asked: Any) -> tuple[str, str, str]:
    """What is given to play: name of the variant, kind and type."""
    playback = streaming_url(fresh(asset), **asked)
    keys = {ORIGINAL: asset.original.key if asset.original else ""} | {
        variant.name: variant.object.key
        for variant in Variant.objects.filter(asset=asset).select_related("object")
        if variant.object
    }
    (name,) = [name for name, key in keys.items() if key == key_of(playback)]
    return name, playback.kind, playback.mime


# What there is (variants by name, with their states), what is preferred, and what is played.
BRANCHES: dict[str, tuple[dict[str, str], Preference | None, tuple[str, str, str]]] = {
    "nothing made yet": ({}, None, (ORIGINAL, "progressive", "video/mp4")),
    "all is being made": (
        {"hls": "processing", "middle": "queued"},
        None,
        (ORIGINAL, "progressive", "video/mp4"),
    ),
    "all has failed": (
        {"hls": "failed", "middle": "failed"},
        None,
        (ORIGINAL, "progressive", "video/mp4"),
    ),
    "all is missing": (
        {"hls": "missing", "middle": "missing"},
        None,
        (ORIGINAL, "progressive", "video/mp4"),
    ),
    "the stream first": ({"hls": "ready", "large": "ready"}, None, ("hls", "hls", HLS)),
    "a file while the stream is made": (
        {"hls": "processing", "middle": "ready"},
        None,
        ("middle", "progressive", "video/mp4"),
    ),
    "a file though the stream failed": (
        {"hls": "failed", "middle": "ready"},
        None,
        ("middle", "progressive", "video/mp4"),
    ),
    "the largest file": (
        {"small": "ready", "large": "ready", "middle": "ready"},
        None,
        ("large", "progressive", "video/mp4"),
    ),
    "what plays everywhere before what is larger": (
        {"small": "ready", "modern": "ready"},
        None,
        ("small", "progressive", "video/mp4"),
    ),
    "what there is of files": (
        {"modern": "ready"},
        None,
        ("modern", "progressive", "video/webm"),
    ),
    "a former stream until the new one is there": (
        {"hls": "stale", "large": "ready"},
        None,
        ("hls", "hls", HLS),
    ),
    "a stream on request": ({"hls": "ready", "large": "ready"}, "hls", ("hls", "hls", HLS)),
    "no stream on request": (
        {"large": "ready"},
        "hls",
        ("large", "progressive", "video/mp4"),
    ),
    "a file on request": (
        {"hls": "ready", "large": "ready"},
        "progressive",
        ("large", "progressive", "video/mp4"),
    ),
    "the original rather than a stream, if a file is wanted": (
        {"hls": "ready"},
        "progressive",
        (ORIGINAL, "progressive", "video/mp4"),
    ),
    "the largest that fits": (
        {"hls": "ready", "large": "ready", "middle": "ready", "small": "ready"},
        900,
        ("middle", "progressive", "video/mp4"),
    ),
    "exactly what fits": (
        {"large": "ready", "middle": "ready"},
        720,
        ("middle", "progressive", "video/mp4"),
    ),
    "the smallest where none fits": (
        {"large": "ready", "middle": "ready"},
        144,
        ("middle", "progressive", "video/mp4"),
    ),
    "never what is no film": (
        {"poster": "ready", "sound": "ready"},
        None,
        (ORIGINAL, "progressive", "video/mp4"),
    ),
}


@pytest.mark.parametrize(("there", "prefer", "given"), BRANCHES.values(), ids=BRANCHES)
def test_the_best_that_is_there_is_played__W4_5_W5_3(
    there: dict[str, str], prefer: Preference | None, given: tuple[str, str, str]
):
    asset = film()
    for name, state in there.items():
        # What was never made has no output; what is to be made again keeps the one it had.
        if state in ("processing", "queued", "failed"):
            published(asset, name, None, state=state)
        else:
            made(asset, name, state)
    assert played(asset, prefer=prefer) == given


@pytest.mark.parametrize("state", ["processing", "queued", "failed", "cancelled"])
def test_a_former_output_is_played_while_another_is_made_or_could_not_be__W4_5(state: str):
    asset = film()
    made(asset, "hls", state)
    assert played(asset) == ("hls", "hls", HLS)


def test_a_profile_can_have_the_original_played_instead_of_former_outputs():
    with cinema(delivery=Delivery(serve_stale=False)):
        asset = film()
        made(asset, "hls", "stale")
        made(asset, "small")
        assert played(asset) == ("small", "progressive", "video/mp4")


def test_an_original_that_browsers_do_not_know_is_still_given__W5_3():
    asset = film(content_type="video/quicktime")
    assert played(asset) == (ORIGINAL, "progressive", "video/quicktime")


def test_a_stream_is_better_than_an_original_that_browsers_do_not_know():
    asset = film(content_type="video/quicktime")
    made(asset, "hls")
    assert played(asset, prefer="progressive") == ("hls", "hls", HLS)


def test_sound_is_played_as_what_every_browser_knows():
    asset = film(kind="audio", content_type="audio/flac")
    assert played(asset) == (ORIGINAL, "progressive", "audio/flac")
    made(asset, "lesser")
    assert played(asset) == ("lesser", "progressive", "audio/ogg")
    made(asset, "sound")
    assert played(asset) == ("sound", "progressive", "audio/mp4")


def test_outputs_play_without_an_original__W4_4():
    asset = film(content=None)
    with refused("not_deliverable"):
        streaming_url(asset)
    made(asset, "small")
    assert played(asset) == ("small", "progressive", "video/mp4")


@pytest.mark.parametrize("prefer", [0, -1, True, "dash", 1.5])
def test_a_preference_is_one_that_there_is(prefer: Any):
    with refused("request_invalid"):
        streaming_url(film(), prefer=prefer)


def test_a_picture_is_not_played():
    with refused("not_playable"):
        streaming_url(ready())


# --- who, when ---------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["staged", "validating", "promoting", "quarantined", "deleted"])
def test_what_is_not_verified_is_not_played(state: str):
    with refused("not_deliverable"):
        streaming_url(film(state=state))


@pytest.mark.parametrize("state", ["available", "processing", "transcoding", "degraded", "ready"])
def test_what_is_verified_plays_at_once__W4_5(state: str):
    assert streaming_url(film(state=state)).kind == "progressive"


@pytest.mark.parametrize("state", ["staged", "quarantined", "ready"])
@pytest.mark.parametrize("kind", ["video", "image"])
def test_a_stranger_learns_neither_state_nor_kind__W4_6(state: str, kind: str):
    with cinema(authorizer=OnlyOwner()):
        asset = film(state=state, kind=kind, actor="anna")
        for stranger in (None, "bob"):
            with refused("not_allowed"):
                streaming_url(asset, actor=stranger)
            with refused("not_allowed"):
                streaming_url(asset, actor=stranger, prefer=-1)


def test_the_authorizer_sees_the_asset_whatever_is_played__W4_6():
    asked: list[tuple[Any, str, Any]] = []

    class Witness:
        def authorize(self, actor: Any, action: str, asset: Any) -> bool:
            asked.append((actor, action, asset.original.key))
            return True

    with cinema(authorizer=Witness()):
        asset = film()
        made(asset, "hls")
        streaming_url(asset, actor="anna")
    assert asset.original is not None
    assert asked == [("anna", "deliver", asset.original.key)]


def test_a_public_film_has_lasting_urls_and_a_public_stream__W4_2_W4_7():
    with cinema(storage="public", delivery=Delivery(public=True)):
        asset = film(storage="public")
        playback = streaming_url(asset)
        assert asset.original is not None
        assert playback.url == f"/public-media/{asset.original.key}"
        files = stream(asset)
        playback = streaming_url(fresh(asset))
    assert (playback.url, playback.kind) == (f"/public-media/{files['main'].key}", "hls")


# --- what a player gets ------------------------------------------------------------------------


def test_a_playback_is_its_url_in_a_template_and_hides_it_in_a_log__S23():
    playback = streaming_url(film())
    assert str(playback) == playback.url
    assert "/rindle/media/" in f"{playback}"
    assert "/rindle/media/" not in repr(playback)


def test_there_is_an_asynchronous_form():
    asset = film()
    assert async_to_sync(astreaming_url)(asset).kind == "progressive"


def test_a_link_lives_for_the_length_of_the_film_and_its_own__W4_3(
    monkeypatch: pytest.MonkeyPatch,
):
    """A player asks for the last part of a film by the link that it began with."""
    monkeypatch.setattr("time.time", lambda: 1_900_000_000.0)
    long = film(duration_ms=3 * 3600 * SECOND + 1)

    def life(asset: Asset, **asked: Any) -> float:
        playback = streaming_url(asset, **asked)
        token = urlsplit(playback.url).path.rstrip("/").rsplit("/", 1)[-1]
        grant = read_manifest(token) if playback.kind == "hls" else read_get(token)
        return grant.expires - 1_900_000_000

    least = 900 + 3 * 3600 + 1
    assert least <= life(long) <= least * 1.5
    assert least - 840 <= life(long, ttl=60) <= (least - 840) * 1.5
    assert life(long, ttl=10**9) == life(long)
    made(long, "hls")
    assert least <= life(long) <= least * 1.5
    assert life(film(duration_ms=None)) <= 900 * 1.5
    # Nothing outlives what S3 can sign, however long it claims to be.
    assert life(film(duration_ms=10**12)) <= 7 * 86_400


def test_a_former_output_is_kept_for_who_is_watching_it(settings: Settings):
    settings.RINDLE = {**settings.RINDLE, "SUPERSEDED_GRACE": None}
    for hours in (0, 3):
        asset = film(duration_ms=hours * 3600 * SECOND)
        output = made(asset, "large").object
        assert output is not None
        with locked(asset.pk):
            retire(get_profile("film"), [output.pk])
        output.refresh_from_db()
        assert output.settles_at is not None
        kept_for = (output.settles_at - now()).total_seconds()
        longest = (900 + hours * 3600) * 1.5
        assert longest - 60 <= kept_for <= longest


def test_a_saved_film_is_asked_for_once():
    from rindle_django import url

    asset = film(duration_ms=3600 * SECOND)
    token = urlsplit(url(asset, download=True)).path.rstrip("/").rsplit("/", 1)[-1]
    saved = read_get(token)
    token = urlsplit(url(asset)).path.rstrip("/").rsplit("/", 1)[-1]
    assert read_get(token).expires - saved.expires > 3000


# --- cost and telemetry ------------------------------------------------------------------------


def test_a_playback_is_one_signature_and_one_resolution__W4_4_W5_5(events: Recorder):
    asset = film()
    made(asset, "large")
    variant = made(asset, "hls")
    streaming_url(asset)
    assert len(events.named("rindle.delivery.signed")) == 1
    (told,) = events.named("rindle.delivery.streaming.resolved")
    assert told == {
        "profile": "film",
        "adapter": "filesystem",
        "mode": "private",
        "kind": "hls",
        "mime": HLS,
        "asset_id": str(asset.pk),
        "variant_id": str(variant.pk),
        "variant_name": "hls",
    }


def test_a_refused_playback_is_no_event(events: Recorder):
    with refused("not_deliverable"):
        streaming_url(film(state="quarantined"))
    assert events.named("rindle.delivery.streaming.resolved") == []
    assert events.named("rindle.delivery.signed") == []


def test_a_page_of_films_costs_no_query_and_no_storage_call_each__W5_5(sky: Sky):
    for _ in range(3):
        made(film(), "hls")
    films = list(Asset.objects.select_related("original").prefetch_related("variants__object"))
    sky.calls.clear()
    with CaptureQueriesContext(connection) as captured:
        for asset in films:
            assert streaming_url(asset).kind == "hls"
            variant_url(asset, "hls")
    assert len(captured) == 0
    assert not sky.calls


def test_a_bare_film_costs_one_query__W5_5():
    asset = film()
    made(asset, "hls")
    bare = Asset.objects.select_related("original").get(pk=asset.pk)
    with CaptureQueriesContext(connection) as captured:
        streaming_url(bare)
    assert len(captured) == 1
