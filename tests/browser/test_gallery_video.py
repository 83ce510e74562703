"""Videos and sound in the gallery: progress as it happens, and a player that plays and seeks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Route, expect

from tests.browser.console import RULES
from tests.browser.gallery import Gallery, photos

pytestmark = pytest.mark.browser

VIDEO, SOUND = photos("closer.mp4", "bells.mp3")
# What the card has said since, with what its bar has shown.
WATCH_CARDS = """() => {
  window.cardsSeen = [];
  new MutationObserver(() => {
    for (const card of document.querySelectorAll(".card")) {
      window.cardsSeen.push([card.dataset.phase, card.querySelector("progress").value]);
    }
  }).observe(document.getElementById("photos"), { attributes: true, subtree: true });
}"""


@contextmanager
def cards_watched(gallery: Gallery) -> Iterator[dict[str, list[int]]]:
    """What bars have shown in each phase, in order, once the context is left."""
    seen: dict[str, list[int]] = {"uploading": [], "making": []}
    gallery.page.evaluate(WATCH_CARDS)
    yield seen
    for phase, value in gallery.page.evaluate("window.cardsSeen"):
        if phase in seen and value not in seen[phase][-1:]:
            seen[phase].append(value)


@contextmanager
def requests_noted(gallery: Gallery) -> Iterator[list[str]]:
    """Of the page's own making: events and questions after progress, by their paths."""
    noted: list[str] = []
    pattern = re.compile(r"/rindle/(events|assets)/")
    gallery.page.on(
        "request", lambda asked: noted.append(asked.url) if pattern.search(asked.url) else None
    )
    yield noted


def violations(gallery: Gallery) -> list[str]:
    found = Axe().run(gallery.page, options=RULES).response["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def state_of(player: Locator, *names: str) -> tuple[Any, ...]:
    found = player.evaluate("(player, names) => names.map((name) => player[name])", list(names))
    return tuple(found)


def play_and_seek(player: Locator, to: float) -> None:
    """Played by its own button, as a visitor would; the clock moves, before and after the jump."""
    expect(player).to_have_js_property("readyState", 4)
    player.focus()
    player.press("Space")
    player.page.wait_for_function("player => player.currentTime > 0.3", arg=player.element_handle())
    player.evaluate("(player, to) => { player.currentTime = to; }", to)
    player.page.wait_for_function(
        "([player, to]) => !player.seeking && player.currentTime > to + 0.2",
        arg=[player.element_handle(), to],
    )
    assert state_of(player, "error", "paused") == (None, False)


def test_a_video_moves_its_bar_twice_and_plays(gallery: Gallery, artifacts: Path):
    with cards_watched(gallery) as seen, requests_noted(gallery) as asked:
        with gallery.slow_line(600_000):
            gallery.choose(VIDEO)
            card = gallery.card("closer.mp4")
            expect(card.get_by_text(re.compile(r"Uploading, [5-9]\d %"))).to_be_visible()
        expect(card.get_by_text(re.compile(r"Preparing video, [1-9]\d? %"))).to_be_visible()
        gallery.picture(artifacts / "video-preparing.png")
        gallery.wait_until_ready("closer.mp4")

    for phase in ("uploading", "making"):
        assert len(set(seen[phase])) >= 3, seen
        assert seen[phase] == sorted(seen[phase]), seen
    # Told, not asked: one stream, and nobody asked how it fares.
    assert len([each for each in asked if "/events/?asset=" in each]) == 1, asked
    assert [each for each in asked if "/assets/" in each] == []
    expect(card.get_by_text("0:06")).to_be_visible()
    expect(gallery.page.get_by_text("1 video", exact=True)).to_be_visible()

    viewer = gallery.open("closer.mp4")
    player = viewer.locator("video")
    expect(player).to_be_focused()
    play_and_seek(player, to=4.0)
    width, height, duration, source = state_of(
        player, "videoWidth", "videoHeight", "duration", "currentSrc"
    )
    assert (width, height) == (1280, 720)
    assert duration == pytest.approx(6.0, abs=0.1)
    ranged = gallery.page.request.get(source, headers={"Range": "bytes=100-199"})
    assert (ranged.status, len(ranged.body())) == (206, 100)
    expect(viewer.get_by_text("1280 × 720 · 0:06 · MP4")).to_be_visible()

    gallery.page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    closed = gallery.page.locator("#viewer-video")
    assert state_of(closed, "paused", "networkState") == (True, 0)  # lets go of what it read


def test_sound_plays_with_its_picture(gallery: Gallery, artifacts: Path):
    gallery.choose(SOUND)
    gallery.wait_until_ready("bells.mp3")
    expect(gallery.card("bells.mp3").get_by_text("0:05")).to_be_visible()

    viewer = gallery.open("bells.mp3")
    play_and_seek(viewer.locator("audio"), to=3.0)
    gallery.wait_until_shown(viewer.locator("img"))
    assert violations(gallery) == []
    gallery.picture(artifacts / "sound-viewer.png")


def test_where_events_are_not_to_be_had_the_page_asks(gallery: Gallery):
    def refuse(route: Route) -> None:
        body = {"error": {"code": "events_need_asgi", "message": "Ask from time to time."}}
        route.fulfill(status=501, content_type="application/json", body=json.dumps(body))

    gallery.page.route("**/rindle/events/**", refuse)
    with requests_noted(gallery) as asked:
        gallery.choose(*photos("cat.png", "coffee.png"))
        gallery.wait_until_ready("cat.png", "coffee.png")
    assert 1 <= len([each for each in asked if "/events/" in each]) <= 2
    assert len({each for each in asked if "/assets/" in each}) == 2


def test_several_cards_share_one_stream(gallery: Gallery):
    with requests_noted(gallery) as asked:
        gallery.choose(*photos("dogs.jpg", "cat.png", "coffee.png", "brushes.jpg"))
        gallery.wait_until_ready("dogs.jpg", "cat.png", "coffee.png", "brushes.jpg")
    assert [each for each in asked if "/assets/" in each] == []
    assert any(each.count("asset=") > 1 for each in asked), asked


FOLLOW = """async ([ids, base]) => {
  const { follow } = await import("/static/rindle/progress.js");
  const refused = [];
  const onRefused = (id, error) => refused.push([id, error.code]);
  const assets = await follow(ids, { base, onRefused });
  return [assets.map((asset) => asset?.state), refused];
}"""
ABORT = """async (id) => {
  const { follow } = await import("/static/rindle/progress.js");
  const stop = new AbortController();
  const followed = follow(id, { base: "/rindle/", signal: stop.signal });
  setTimeout(() => stop.abort(new Error("enough")), 100);
  return followed.catch((error) => error.message);
}"""


def test_the_script_follows_ids_and_says_which_are_not_to_be_followed(gallery: Gallery):
    gallery.choose(*photos("cat.png"))
    gallery.wait_until_ready("cat.png")
    mine = gallery.card("cat.png").get_attribute("data-asset")
    absent = str(uuid4())
    states, refused = gallery.page.evaluate(FOLLOW, [[mine, absent, mine], "/rindle"])
    assert states == ["ready", None, "ready"]
    assert refused == [[absent, "asset_not_found"]]


def test_the_script_stops_when_it_is_told_to(gallery: Gallery):
    with gallery.slow_line(100_000):
        gallery.choose(*photos("dandelion.jpg"))
        expect(gallery.card("dandelion.jpg").get_by_text("Uploading")).to_be_visible()
        staged = gallery.card("dandelion.jpg").get_attribute("data-asset")
        assert gallery.page.evaluate(ABORT, staged) == "enough"
        gallery.remove("dandelion.jpg")


def test_a_page_that_is_opened_amid_the_work_goes_on_following_it(gallery: Gallery):
    gallery.choose(VIDEO)
    expect(gallery.card("closer.mp4").get_by_text("Preparing video")).to_be_visible()
    gallery.page.wait_for_timeout(200)  # until it is in the album
    gallery.visit()
    gallery.wait_until_ready("closer.mp4")
    gallery.remove("closer.mp4")
    expect(gallery.cards).to_have_count(0)


def test_a_file_that_only_calls_itself_a_video_says_so(gallery: Gallery, tmp_path: Path):
    (tmp_path / "notes.mp4").write_bytes(b"no video at all, " * 100)
    gallery.choose(tmp_path / "notes.mp4")
    expect(gallery.page.get_by_role("status")).to_have_text("notes.mp4 was refused")
    expect(gallery.card("notes.mp4").locator(".card__reason")).not_to_be_empty()


def test_pictures_of_video_and_sound_for_the_eye(gallery: Gallery, artifacts: Path):
    names = ("dandelion.jpg", "cat.png", "closer.mp4", "bells.mp3", "dogs.jpg")
    gallery.choose(*photos(*names))
    gallery.wait_until_ready(*names)
    expect(gallery.page.get_by_text("3 photos, 1 video, 1 sound")).to_be_visible()
    assert violations(gallery) == []
    gallery.picture(artifacts / "video-desktop.png", whole=True)
    gallery.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert violations(gallery) == []
    gallery.picture(artifacts / "video-dark.png", whole=True)
    gallery.page.set_viewport_size({"width": 390, "height": 844})
    gallery.picture(artifacts / "video-phone-dark.png", whole=True)
    gallery.page.emulate_media(color_scheme="light")
    gallery.picture(artifacts / "video-phone.png", whole=True)
    assert gallery.page.evaluate("document.documentElement.scrollWidth") == 390

    player = gallery.open("closer.mp4").locator("video")
    play_and_seek(player, to=2.5)
    player.press("Space")
    gallery.picture(artifacts / "video-phone-viewer.png")
    gallery.page.set_viewport_size({"width": 1280, "height": 860})
    gallery.picture(artifacts / "video-viewer.png")
    assert violations(gallery) == []
