"""What an operator does in the admin, in a real browser under a strict security policy."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import REPOSITORY
from tests.browser.console import Console
from tests.browser.gallery import Gallery, photos

pytestmark = pytest.mark.browser
Theme = Literal["light", "dark"]
REFUSED = re.compile("This is not a photo|The file is incomplete")
POLICY = "default-src 'self'; img-src 'self'"


@pytest.fixture(scope="module")
def artifacts() -> Path:
    folder = REPOSITORY / "artifacts" / "admin"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def filled(chromium: Browser, site: str) -> str:
    """The site with some photos, good and bad."""
    context = chromium.new_context()
    gallery = Gallery(context.new_page(), site)
    gallery.visit()
    gallery.drop(*photos("dandelion.jpg", "dogs.jpg", "cat.png"))
    gallery.wait_until_ready("dandelion.jpg", "dogs.jpg", "cat.png")
    gallery.drop(*photos("broken/a-letter.jpg", "broken/cut-short.jpg"))
    for name in ("a-letter.jpg", "cut-short.jpg"):
        expect(gallery.card(name).get_by_text(REFUSED)).to_be_visible()
    context.close()
    return site


@pytest.fixture
def console(chromium: Browser, filled: str) -> Iterator[Console]:
    yield from _console(chromium, filled)


@pytest.fixture
def judged(chromium: Browser, filled: str) -> Iterator[Console]:
    """Without the policy's force: axe measures with inline styles of its own."""
    yield from _console(chromium, filled, bypass_csp=True)


def _console(chromium: Browser, site: str, **options: object) -> Iterator[Console]:
    context = chromium.new_context(
        **{"viewport": {"width": 1280, "height": 860}, **options}  # type: ignore[arg-type]
    )
    operator = Console(context.new_page(), site)
    operator.log_in()
    yield operator
    context.close()
    assert operator.complaints == []
    assert operator.policies == {POLICY}


PAGES = {
    "index": "",
    "home": "overview/",
    "assets": "asset/",
    "failed": "failedvariant/",
    "variants": "variant/",
    "history": "transition/",
    "runs": "processingrun/",
    "objects": "storedobject/",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_the_policy_and_names_what_it_shows(
    name: str, console: Console, artifacts: Path
):
    console.visit(PAGES[name])
    assert console.nameless() == []
    console.picture(artifacts / f"{name}.png")
    console.page.emulate_media(color_scheme="dark")
    console.picture(artifacts / f"{name}-dark.png")


@pytest.mark.parametrize("name", ["home", "assets"])
def test_a_narrow_page_has_no_sideways_scrolling(name: str, console: Console, artifacts: Path):
    console.page.set_viewport_size({"width": 390, "height": 844})
    console.visit(PAGES[name])
    console.picture(artifacts / f"{name}-narrow.png")
    if name == "home":
        assert console.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_asset_tells_its_story(console: Console, artifacts: Path):
    console.visit("asset/")
    console.page.get_by_role("link", name="dandelion.jpg").first.click()
    expect(console.page.get_by_role("heading", name="Variants")).to_be_visible()
    expect(console.page.get_by_role("img", name="dandelion.jpg")).to_be_visible()
    expect(console.page.get_by_role("heading", name="What happened")).to_be_visible()
    assert console.nameless() == []
    console.picture(artifacts / "asset.png")
    console.page.emulate_media(color_scheme="dark")
    console.picture(artifacts / "asset-dark.png")
    console.page.set_viewport_size({"width": 390, "height": 844})
    console.picture(artifacts / "asset-narrow.png")


def test_a_variant_is_made_again_while_the_operator_watches(console: Console, artifacts: Path):
    console.visit("asset/")
    console.page.get_by_role("link", name="dogs.jpg").first.click()
    console.page.get_by_role("link", name="Regenerate…").click()
    expect(console.page.get_by_role("table", name="What would change")).to_be_visible()
    assert console.nameless() == []
    console.picture(artifacts / "confirm.png")
    console.page.get_by_role("button", name="Regenerate").click()

    live = console.page.locator("#rindle-live")
    expect(live.get_by_text("Something is at work on it")).to_be_visible()
    console.picture(artifacts / "working.png")
    asked: list[float] = []
    console.page.on(
        "request",
        lambda each: asked.append(time.monotonic()) if "/progress/" in each.url else None,
    )
    console.page.evaluate("window.loadedOnce = true")
    expect(live.get_by_text("Something is at work on it")).to_be_hidden()
    # One timer, whatever happens meanwhile (C4.1); none once all is at rest.
    console.page.wait_for_timeout(5000)
    assert all(later - earlier > 1.9 for earlier, later in pairwise(asked))
    assert time.monotonic() - asked[-1] > 4
    assert console.page.evaluate("window.loadedOnce") is True  # followed without a reload
    expect(console.page.get_by_role("status")).to_have_text(
        "The asset is ready. 4 of 4 variants are ready."
    )


def test_a_verb_is_done_by_keyboard_alone(console: Console):
    console.visit("asset/")
    console.page.get_by_role("link", name="cut-short.jpg").first.focus()
    console.page.keyboard.press("Enter")
    reached = console.page.get_by_role("link", name="Requeue…")
    expect(reached).to_be_visible()
    for _ in range(80):
        console.page.keyboard.press("Tab")
        if reached.evaluate("each => each === document.activeElement"):
            break
    outline = reached.evaluate("each => getComputedStyle(each).outlineStyle")
    assert outline != "none"
    console.page.keyboard.press("Enter")
    button = console.page.get_by_role("button", name="Requeue")
    button.focus()
    console.page.keyboard.press("Enter")
    expect(console.page.get_by_text("changes.")).to_be_visible()
    expect(console.page.locator("#rindle-live").get_by_text("at work on it")).to_be_hidden()


def test_failed_variants_are_requeued_together(console: Console, artifacts: Path):
    console.visit("failedvariant/")
    console.page.locator("#action-toggle").check()
    console.page.get_by_label("Action:").select_option("requeue")
    console.page.get_by_role("button", name="Go").click()
    expect(console.page.get_by_text("4 rows")).to_be_visible()
    console.picture(artifacts / "confirm-many.png")
    console.page.get_by_role("button", name="Requeue").click()
    expect(console.page.get_by_text("Requeue: 4 variants.")).to_be_visible()


def test_the_full_doctor_is_run_from_the_home(console: Console, artifacts: Path):
    console.visit("overview/")
    console.page.get_by_role("button", name="Run the full doctor").click()
    expect(console.page.get_by_role("button", name="Run the full doctor again")).to_be_visible()
    console.page.get_by_text("Every check").click()
    console.picture(artifacts / "doctor.png")


def test_an_erasure_is_seen_before_it_is_typed(console: Console, artifacts: Path):
    console.visit("attachment/")
    console.page.get_by_role("link", name="album").first.click()
    console.page.get_by_role("link", name="Erase this owner…").click()
    expect(
        console.page.get_by_role("heading", name="Assets that are deleted for good")
    ).to_be_visible()
    assert console.nameless() == []
    console.picture(artifacts / "erase.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["home", "asset", "assets", "failed", "confirm"])
def test_axe_finds_nothing_on_our_parts(name: str, theme: Theme, judged: Console):
    judged.page.emulate_media(color_scheme=theme)
    if name in PAGES:
        judged.visit(PAGES[name])
    else:
        judged.visit("asset/")
        judged.page.get_by_role("link", name="dandelion.jpg").first.click()
        expect(judged.page.get_by_role("heading", name="Variants")).to_be_visible()
    if name == "confirm":
        judged.page.get_by_role("link", name="Regenerate…").click()
        expect(judged.page.get_by_role("button", name="Regenerate")).to_be_visible()
    assert judged.violations() == []
