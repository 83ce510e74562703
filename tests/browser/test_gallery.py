"""What a visitor of the gallery can do, with real files, real workers and a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.gallery import Gallery, photos

pytestmark = pytest.mark.browser


def test_a_dropped_photo_moves_its_bar_and_becomes_a_thumbnail(gallery: Gallery, artifacts: Path):
    (photo,) = photos("dandelion.jpg")
    expect(gallery.page.get_by_text("Drop photos anywhere on this page")).to_be_visible()

    with gallery.bars_watched() as bars:
        with gallery.slow_line(700_000):
            gallery.drop(photo)
            card = gallery.card("dandelion.jpg")
            expect(card.get_by_text(re.compile(r"Uploading, [6-9]\d %"))).to_be_visible()
            gallery.picture(artifacts / "uploading-one.png")
        gallery.wait_until_ready("dandelion.jpg")

    sent = [value for value in bars if 0 < value < 100]
    assert len(sent) >= 3
    assert sent == sorted(sent)
    assert gallery.wait_until_shown(gallery.thumbnail("dandelion.jpg")) == 400
    expect(gallery.page.get_by_role("status")).to_have_text("dandelion.jpg is ready")


def test_a_chosen_photo_opens_large_and_closes_by_key(gallery: Gallery):
    gallery.choose(*photos("dogs.jpg", "cat.png"))
    gallery.wait_until_ready("dogs.jpg", "cat.png")

    viewer = gallery.open("dogs.jpg")
    # The dogs lie on their side in the file; upright, the longer side is the height.
    assert gallery.wait_until_shown(viewer.get_by_role("img", name="dogs.jpg")) == 1332
    expect(viewer.get_by_text("2056 × 3088 · JPEG")).to_be_visible()
    expect(viewer.get_by_role("listitem")).to_have_count(4)

    gallery.page.keyboard.press("ArrowRight")
    assert gallery.wait_until_shown(viewer.get_by_role("img", name="cat.png")) == 451
    gallery.page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(gallery.page.get_by_role("button", name="Open cat.png")).to_be_focused()


def test_the_original_comes_back_as_it_was_sent(gallery: Gallery):
    (photo,) = photos("mountains.heic")
    gallery.choose(photo)
    gallery.wait_until_ready("mountains.heic")

    viewer = gallery.open("mountains.heic")
    with gallery.page.expect_download() as download:
        viewer.get_by_role("link", name="Download the original").click()

    assert download.value.suggested_filename == "mountains.heic"
    assert download.value.path().read_bytes() == photo.read_bytes()


@pytest.mark.parametrize(
    ("file", "heading", "reason"),
    [
        ("a-letter.jpg", "This is not a photo", "The content is of no known type."),
        ("cut-short.jpg", "The file is incomplete", "The image ends before its data does."),
        ("bomb.png", "The image is too large", "A side of 65,000 pixels exceeds"),
    ],
)
def test_a_broken_file_says_what_is_wrong_with_it(
    gallery: Gallery, file: str, heading: str, reason: str
):
    gallery.drop(*photos(f"broken/{file}"))

    card = gallery.card(file)
    expect(card.get_by_text(heading)).to_be_visible()
    expect(card.get_by_text(reason)).to_be_visible()
    expect(card.get_by_role("button", name="Try again")).to_be_hidden()
    expect(card.get_by_role("img")).to_have_count(0)
    expect(gallery.page.get_by_role("status")).to_have_text(f"{file} was refused")

    gallery.remove(file)
    expect(gallery.cards).to_have_count(0)
    gallery.visit()
    expect(gallery.cards).to_have_count(0)


def test_a_file_of_another_kind_is_refused_before_it_is_sent(gallery: Gallery, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("no photo at all")
    gallery.choose(tmp_path / "notes.txt")

    card = gallery.card("notes.txt")
    expect(card.get_by_text("Files of this kind are not taken")).to_be_visible()
    expect(card.get_by_text("'text/plain' are not accepted here")).to_be_visible()


def test_a_lost_connection_can_be_tried_again(gallery: Gallery):
    gallery.page.route("**/rindle/put/**", lambda route: route.abort())
    gallery.choose(*photos("cat.png"))
    card = gallery.card("cat.png")
    expect(card.get_by_text("The connection was lost.")).to_be_visible()

    gallery.page.unroute("**/rindle/put/**")
    card.get_by_role("button", name="Try again").click()

    gallery.wait_until_ready("cat.png")
    gallery.visit()
    expect(gallery.cards).to_have_count(1)


def test_photos_are_still_there_on_the_next_visit_and_gone_once_removed(gallery: Gallery):
    gallery.choose(*photos("cat.png", "coffee.png"))
    gallery.wait_until_ready("cat.png", "coffee.png")
    address = gallery.thumbnail("cat.png").get_attribute("src")
    assert address is not None

    gallery.visit()
    gallery.wait_until_ready("cat.png", "coffee.png")
    gallery.remove("cat.png")
    expect(gallery.cards).to_have_count(1)
    expect(gallery.page.get_by_role("button", name="Open coffee.png")).to_be_focused()

    gallery.visit()
    expect(gallery.card("cat.png")).to_have_count(0)
    gallery.wait_until_ready("coffee.png")
    assert gallery.page.request.get(gallery.address.rstrip("/") + address).status == 404


def test_an_upload_that_is_removed_on_its_way_leaves_nothing(gallery: Gallery):
    with gallery.slow_line(100_000):
        gallery.choose(*photos("dandelion.jpg"))
        expect(gallery.card("dandelion.jpg").get_by_text("Uploading")).to_be_visible()
        gallery.remove("dandelion.jpg")
    expect(gallery.cards).to_have_count(0)
    gallery.visit()
    expect(gallery.cards).to_have_count(0)


def test_the_first_photos_of_a_stranger_land_in_one_album(gallery: Gallery):
    """Several begin at once, before there is a session: they must not begin one each."""
    names = ("cat.png", "coffee.png", "brushes.jpg", "rocket.gif")
    gallery.drop(*photos(*names))
    gallery.wait_until_ready(*names)

    gallery.visit()
    expect(gallery.cards).to_have_count(4)


def test_nobody_sees_the_photos_of_another(gallery: Gallery, chromium: Browser, site: str):
    gallery.choose(*photos("cat.png"))
    gallery.wait_until_ready("cat.png")

    stranger = chromium.new_context()
    other = Gallery(stranger.new_page(), site)
    other.visit()
    expect(other.cards).to_have_count(0)
    expect(other.page.get_by_text("Drop photos anywhere on this page")).to_be_visible()
    stranger.close()


def test_the_page_runs_nothing_but_its_own_scripts(gallery: Gallery):
    policy = gallery.page.request.get(gallery.address).headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_pictures_of_the_page_for_the_eye(gallery: Gallery, artifacts: Path):
    gallery.picture(artifacts / "empty.png")
    good = ("dandelion.jpg", "dogs.jpg", "mountains.heic", "fig.avif", "brushes.jpg", "cat.png")
    more = ("coffee.png", "rocket.gif")
    broken = ("broken/a-letter.jpg", "broken/cut-short.jpg", "broken/bomb.png")
    with gallery.slow_line(500_000):
        gallery.choose(*photos(*good, *more, *broken))
        # Of the three at once this is the smallest: the others are on their way by then.
        far = gallery.card("dogs.jpg").get_by_text(re.compile(r"Uploading, [3-9]\d %"))
        expect(far).to_be_visible()
        gallery.picture(artifacts / "uploading.png")
    gallery.wait_until_ready(*good, *more)
    expect(gallery.page.get_by_text("8 photos, 3 files refused")).to_be_visible()

    gallery.page.evaluate("scrollTo(0, 0)")
    gallery.picture(artifacts / "desktop.png", whole=True)
    gallery.page.emulate_media(color_scheme="dark")
    gallery.picture(artifacts / "dark.png", whole=True)
    gallery.page.set_viewport_size({"width": 390, "height": 844})
    gallery.picture(artifacts / "phone-dark.png", whole=True)
    gallery.page.emulate_media(color_scheme="light")
    gallery.picture(artifacts / "phone.png", whole=True)

    assert gallery.page.evaluate("document.documentElement.scrollWidth") == 390
    viewer = gallery.open("dandelion.jpg")
    gallery.wait_until_shown(viewer.get_by_role("img", name="dandelion.jpg"))
    gallery.picture(artifacts / "phone-viewer.png")
    gallery.page.set_viewport_size({"width": 1280, "height": 860})
    gallery.picture(artifacts / "viewer.png")
