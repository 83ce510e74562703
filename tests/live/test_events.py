"""Streams of progress: what they say, to whom, how long, and what is left of them."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from pytest_django import Settings

from rindle_django.models import Asset, Variant
from rindle_django.views import events
from tests.live.server import (
    Page,
    listening,
    other_sessions,
    page_of,
    served,
    sessions_that_listen,
    until,
)
from tests.rows import asset_in, newborn, variant_in

pytestmark = pytest.mark.django_db(transaction=True)


def advance(variant: Variant, percent: int) -> None:
    Variant.objects.filter(pk=variant.pk).update(progress=percent)


def settle(asset: Asset) -> None:
    Asset.objects.filter(pk=asset.pk).update(state="ready")


def percents(told: list[tuple[str, Any]], name: str = "thumb") -> list[Any]:
    return [data["asset"]["variants"][name]["progress"] for _, data in told]


# --- what is said ------------------------------------------------------------------------------


def test_a_stream_begins_with_how_things_are_and_goes_on_until_they_are_at_rest(
    page: Page, asset: Asset
):
    variant = variant_in("processing", asset=asset, kind="video")
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        told = [stream.next()]
        for percent in (10, 60):
            advance(variant, percent)
            told.append(stream.next())
        Variant.objects.filter(pk=variant.pk).update(
            state="ready", object=newborn("object", asset=asset)
        )
        settle(asset)
        told += stream.events()

    assert [name for name, _ in told[:3]] == ["progress"] * 3
    assert percents(told[:3]) == [None, 10, 60]
    assert [data["asset"]["progress"] for _, data in told[:3]] == [0, 10, 60]
    assert told[-1] == ("done", {})
    last = told[-2][1]["asset"]
    assert (last["state"], last["at_rest"], last["progress"]) == ("ready", True, 100)


def test_a_stream_says_what_the_progress_view_says(page: Page, alice: User, asset: Asset):
    variant_in("processing", asset=asset, progress=3)
    client = Client()
    client.force_login(alice)
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        assert stream.next()[1] == client.get(f"/rindle/assets/{asset.pk}/").json()


def test_an_asset_at_rest_is_told_once(page: Page, asset: Asset):
    settle(asset)
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        assert [name for name, _ in stream.events()] == ["progress", "done"]


def test_a_stream_is_neither_kept_nor_held_back_on_its_way(page: Page, asset: Asset):
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        headers = stream.answer.headers
        assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"
        assert next(stream.lines()) == f"retry: {events.RETRY}"


def test_no_middleware_compresses_a_stream(settings: Settings, alice: User, asset: Asset):
    """Each event on its own would be more than most browsers can unpack."""
    settings.MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *settings.MIDDLEWARE]
    settle(asset)
    with served() as port, page_of(alice, port).follow(f"assets/{asset.pk}/events/") as stream:
        assert stream.answer.headers["Content-Encoding"] == "identity"
        assert [name for name, _ in stream.events()] == ["progress", "done"]


def test_many_changes_are_told_as_few__W5_8(page: Page, asset: Asset):
    variant = variant_in("processing", asset=asset)
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        stream.next()
        began = time.monotonic()
        for percent in range(1, 101):
            advance(variant, percent)
        told: list[int] = []
        while not told or told[-1] != 100:
            told += percents([stream.next()])
        took = time.monotonic() - began
    assert told == sorted(set(told))
    assert len(told) <= took / events.PAUSE + 1


def test_a_silent_stream_is_kept_alive(page: Page, asset: Asset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(events, "HEARTBEAT", 0.2)
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        assert ": still here" in stream.lines()


def test_what_the_database_does_not_tell_is_found_by_the_heartbeat(
    page: Page, asset: Asset, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(events, "HEARTBEAT", 0.2)
    variant = variant_in("processing", asset=asset)
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        stream.next()
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")  # no trigger fires
            cursor.execute("UPDATE rindle_variant SET progress = 5 WHERE id = %s", [variant.pk])
            cursor.execute("SET session_replication_role = DEFAULT")
        assert percents([stream.next()]) == [5]


def test_a_stream_does_not_live_for_ever(page: Page, asset: Asset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(events, "LIFE", 0.5)
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        assert [name for name, _ in stream.events()] == ["progress"]


# --- several -----------------------------------------------------------------------------------


def test_one_stream_follows_several_assets_and_says_only_what_changed(
    page: Page, alice: User, asset: Asset
):
    other = asset_in("transcoding", actor=asset.actor)
    variant = variant_in("processing", asset=other)
    with page.follow(f"events/?asset={asset.pk}&asset={other.pk}") as stream:
        first = {stream.next()[1]["asset"]["id"] for _ in range(2)}
        assert first == {str(asset.pk), str(other.pk)}
        advance(variant, 9)
        assert stream.next()[1]["asset"]["id"] == str(other.pk)
        settle(asset)
        assert stream.next()[1]["asset"]["state"] == "ready"
        settle(other)
        assert [name for name, _ in stream.events()] == ["progress", "done"]


def test_of_several_the_foreign_and_the_absent_are_refused_alike(page: Page, asset: Asset):
    foreign = asset_in("processing", actor="auth.user:0")
    keys = [str(asset.pk), str(foreign.pk), str(uuid4())]
    with page.follow("events/?" + "&".join(f"asset={key}" for key in keys)) as stream:
        told = [stream.next() for _ in keys]
    assert sorted(data["id"] for name, data in told if name == "refused") == sorted(keys[1:])
    assert {data["error"]["code"] for name, data in told if name == "refused"} == {
        "asset_not_found"
    }


def test_an_asset_that_goes_is_told_gone(page: Page, asset: Asset):
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        stream.next()
        variant_in("queued", asset=asset)
        stream.next()
        Asset.objects.filter(pk=asset.pk).update(actor="auth.user:0", reason_code="bytes_gone")
        assert [name for name, _ in stream.events()] == ["refused", "done"]


# --- who may, and where ------------------------------------------------------------------------


def refusal(page: Page, path: str) -> tuple[int, str]:
    stream = page.ask(path)
    try:
        return stream.answer.status, stream.answer.read().decode()
    finally:
        stream.leave()


def test_absent_and_foreign_assets_look_alike__S15(page: Page, page_of_bob: Page, asset: Asset):
    absent = refusal(page, f"assets/{uuid4()}/events/")
    foreign = refusal(page_of_bob, f"assets/{asset.pk}/events/")
    stranger = refusal(Page(page.port, ""), f"assets/{asset.pk}/events/")
    several = refusal(page_of_bob, f"events/?asset={asset.pk}&asset={uuid4()}")
    assert absent[0] == 404
    assert "asset_not_found" in absent[1]
    assert absent == foreign == stranger == several


@pytest.mark.parametrize(
    "query", ["", "asset=", "asset=x", "&".join(f"asset={uuid4()}" for _ in range(101))]
)
def test_a_list_that_is_none_is_refused(page: Page, query: str):
    status, body = refusal(page, f"events/?{query}")
    assert status == 400
    assert "request_invalid" in body


def test_a_project_whose_views_are_atomic_has_streams_too(
    page: Page, asset: Asset, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    settle(asset)
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        assert [name for name, _ in stream.events()] == ["progress", "done"]


def test_under_wsgi_the_page_is_told_to_ask_from_time_to_time(alice: User, asset: Asset):
    client = Client()
    client.force_login(alice)
    for path in (f"assets/{asset.pk}/events/", f"events/?asset={asset.pk}"):
        answer = client.get(f"/rindle/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (501, "events_need_asgi")


# --- what is left ------------------------------------------------------------------------------


def test_all_streams_share_one_connection_and_hold_none_while_they_wait(page: Page, asset: Asset):
    streams = [page.ask(f"assets/{asset.pk}/events/") for _ in range(8)]
    for stream in streams:
        stream.next()
    assert until(lambda: listening() == 8)
    assert len(sessions_that_listen()) == 1
    assert until(lambda: other_sessions() == 0)
    for stream in streams:
        stream.leave()
    assert until(lambda: listening() == 0)
    assert until(lambda: sessions_that_listen() == [])


def test_a_client_that_leaves_leaves_nothing(page: Page, asset: Asset):
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        stream.next()
        assert listening() == 1
    assert until(lambda: listening() == 0, 2)
    assert until(lambda: sessions_that_listen() == [], 2)
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        stream.next()
        assert len(sessions_that_listen()) == 1


def test_a_client_that_leaves_at_once_leaves_nothing_either(page: Page, asset: Asset):
    for _ in range(10):
        page.ask(f"assets/{asset.pk}/events/").leave()
    assert until(lambda: listening() == 0)
    assert until(lambda: sessions_that_listen() == [])
    assert until(lambda: other_sessions() == 0)


def test_what_happens_while_the_connection_is_lost_is_told_once_it_is_back(
    page: Page, asset: Asset
):
    variant = variant_in("processing", asset=asset)
    with page.follow(f"assets/{asset.pk}/events/") as stream:
        stream.next()
        (lost,) = sessions_that_listen()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [lost])
        advance(variant, 50)
        assert percents([stream.next()]) == [50]
        assert until(lambda: len(sessions_that_listen()) == 1)
        assert sessions_that_listen() != [lost]
        advance(variant, 51)
        assert percents([stream.next()]) == [51]
