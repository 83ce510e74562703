"""What a real browser chooses of our markup, and what it shows until that has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from rindle_django import HLSRecipe, PosterRecipe, VideoRecipe, upload
from rindle_django.media.thumbhash import thumbhash
from rindle_django.models import Asset, Variant
from rindle_django.profiles import unregister
from rindle_django.profiles.base import register
from rindle_django.testing import drain_jobs
from tests.browser import screening
from tests.browser.screening import PAGE, POLICY, Cinema, Screen, clip, hang, held, put, scene, seen
from tests.kit import declared, fresh, named, variant_states
from tests.markup.exhibits import Film, Shop, draw, exhibit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Watch = Callable[..., Any]
VIEW: Any = {"width": 1000, "height": 800}
LEFT, RIGHT = (250, 375), (750, 375)
PAINTED = "image => getComputedStyle(image).backgroundImage.startsWith('linear-gradient')"

EVERY = [f"{form}_{width}" for form in ("avif", "webp", "jpeg") for width in (400, 800, 1600)]
PICTURE = '{% picture a sizes="100vw" alt="Red and blue" %}'


@pytest.fixture(scope="module")
def cinema() -> Iterator[Cinema]:
    opened = Cinema()
    yield opened
    opened.close()


@pytest.fixture
def watch(cinema: Cinema, live_server: Any, settings: Settings) -> Iterator[Watch]:
    settings.ROOT_URLCONF, settings.STATIC_ROOT = screening.__name__, str(screening.STATIC)
    for profile in (Shop, Film):
        register(profile)

    def _watch(body: str, action: Callable[[Screen], Any], **page: str) -> Any:
        PAGE.clear()
        PAGE.update(body=body, **page)
        return cinema.watch(live_server.url, action)

    yield _watch
    for profile in (Shop, Film):
        unregister(profile)


# --- which file --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "density", "wanted"),
    [(390, 1, 400), (390, 2, 800), (700, 1, 800), (1000, 1, 1600), (390, 3, 1600)],
)
def test_a_browser_takes_the_avif_that_fits_its_screen__W5_6(
    watch: Watch, width: int, density: float, wanted: int
):
    asset = hang(exhibit(*EVERY)[0])

    def look(screen: Screen) -> tuple[list[str], list[int]]:
        asked: list[str] = []
        with screen.page(width, density) as page:
            page.on("response", lambda each: asked.append(each.headers.get("content-type", "")))
            screen.open(page)
            page.locator("img").evaluate("image => image.decode()")
            # With a density-corrected size, naturalWidth is the layout's: measure the file's.
            size = page.locator("img").evaluate(
                "image => { const plain = new Image(); plain.src = image.currentSrc;"
                " return plain.decode().then(() => [plain.naturalWidth, plain.naturalHeight]) }"
            )
            return [each for each in asked if each.startswith("image/a")], size

    asked, size = watch(draw(PICTURE, a=asset), look)
    assert asked == ["image/avif"]
    assert size == [wanted, wanted * 3 // 4]


def test_it_has_its_place_before_it_comes(watch: Watch):
    """No layout shift, though CSS makes it as wide as the page."""
    asset = hang(exhibit("jpeg_400")[0])

    def look(screen: Screen) -> tuple[float, float]:
        with held(screen, 1000) as (page, release):
            screen.open(page)
            before = page.locator("p").bounding_box()
            release()
            page.locator("img").evaluate("image => image.decode()")
            after = page.locator("p").bounding_box()
            assert before
            assert after
            return before["y"], after["y"]

    before, after = watch(draw(PICTURE, a=asset) + "<p>below</p>", look)
    assert before == after == 750 + 16  # of the image, and the paragraph's own


# --- until it has come -------------------------------------------------------------------------


@pytest.fixture
def portrait() -> Asset:
    """An asset with a file and a placeholder."""
    code = thumbhash(24, 18, scene(24, 18).convert("RGBA").tobytes())
    return hang(exhibit("jpeg_400", placeholder=code)[0])


def test_a_placeholder_is_painted_until_the_image_has_come(watch: Watch, portrait: Asset):
    def look(screen: Screen) -> None:
        with held(screen) as (page, release):
            screen.open(page)
            page.wait_for_selector("[data-rindle-painted]")
            assert page.locator("img").evaluate(PAINTED)
            assert seen(page, LEFT, RIGHT) == ["red", "blue"]
            release()
            page.wait_for_selector("img:not([data-rindle-painted])")
            assert page.locator("img").evaluate("image => image.complete && image.naturalWidth")
            assert not page.locator("img").evaluate(PAINTED)
            assert page.locator("img").get_attribute("style") in (None, "")
            assert seen(page, LEFT, RIGHT) == ["red", "blue"]

    watch(draw(PICTURE, a=portrait), look)


def test_an_image_that_a_script_adds_later_has_its_placeholder_too(watch: Watch, portrait: Asset):
    def look(screen: Screen) -> None:
        with held(screen) as (page, _):
            screen.open(page)
            page.wait_for_load_state("domcontentloaded")
            page.evaluate(
                """() => {
                  const held = document.querySelector("template").content.cloneNode(true);
                  document.body.append(held);
                }"""
            )
            page.wait_for_selector("img[data-rindle-painted]")
            assert seen(page, LEFT, RIGHT) == ["red", "blue"]

    watch(f"<template>{draw(PICTURE, a=portrait)}</template>", look)


def test_what_is_pending_keeps_its_placeholder_and_its_place(watch: Watch, portrait: Asset):
    Variant.objects.filter(asset=portrait).update(state="missing")

    def look(screen: Screen) -> None:
        with screen.page() as page:
            screen.open(page)
            page.wait_for_selector("img[data-rindle-painted]")
            page.locator("img").evaluate("image => image.decode()")
            assert seen(page, LEFT, RIGHT) == ["red", "blue"]
            box = page.locator("img").bounding_box()
            assert box
            assert (box["width"], box["height"]) == (1000, 750)

    watch(draw('{% picture a alt="" original=False %}', a=portrait), look)


def test_without_scripts_nothing_breaks(watch: Watch, portrait: Asset):
    def look(screen: Screen) -> None:
        context = screen.browser.new_context(java_script_enabled=False, viewport=VIEW)
        page = context.new_page()
        page.goto(f"{screen.address}/page/")
        assert seen(page, LEFT, RIGHT) == ["red", "blue"]
        context.close()

    watch(draw(PICTURE, a=portrait), look)


def test_a_placeholder_in_the_page_needs_no_script(watch: Watch, portrait: Asset):
    policy = POLICY.replace("img-src", "img-src data:") + " 'unsafe-inline'"

    def look(screen: Screen) -> None:
        with held(screen) as (page, _):
            screen.open(page)
            page.locator("img").wait_for()
            assert page.locator("[data-rindle-painted]").count() == 0
            assert seen(page, LEFT, RIGHT) == ["red", "blue"]

    page = draw('{% picture a alt="" placeholder="inline" %}', a=portrait)
    watch(page, look, policy=policy)


def test_what_is_no_hash_is_passed_over(watch: Watch, portrait: Asset):
    portrait.placeholder = "%%%"

    def look(screen: Screen) -> None:
        with screen.page() as page:
            screen.open(page)
            page.locator("img").evaluate("image => image.decode()")
            assert seen(page, LEFT, RIGHT) == ["red", "blue"]

    watch(draw(PICTURE, a=portrait), look)


# --- videos ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("clips")
    mp4 = clip(folder, "clip.mp4", "-c:v", "libx264", "-movflags", "+faststart")
    webm = clip(
        folder, "clip.webm", "-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime"
    )
    return {"video/mp4": mp4, "video/webm": webm}


def screened(clips: dict[str, bytes], *names: str, codecs: dict[str, str]) -> Asset:
    (asset,) = exhibit(*names, profile=Film, content_type="video/mp4")
    for variant in asset.variants.select_related("object"):
        variant.details = {"codecs": codecs[variant.name]}
        variant.save(update_fields=["details"])
        put(variant.object, clips[variant.content_type], variant.content_type)
    put(asset.original, clips["video/mp4"], "video/mp4")
    return asset


def played(screen: Screen, width: int = 1000) -> str:
    """The type of what the page's video plays, once it does."""
    with screen.page(width) as page:
        screen.open(page)
        video = page.locator("video")
        video.evaluate(
            "video => new Promise((done, fail) => { video.muted = true;"
            " video.addEventListener('timeupdate', () => video.currentTime > 0.1 && done());"
            " setTimeout(() => fail(new Error(`state ${video.networkState}`)), 15000);"
            " video.play().catch(fail) })"
        )
        return str(
            video.evaluate(
                "video => [...video.querySelectorAll('source')]"
                ".find(source => source.src === video.currentSrc).type"
            )
        )


def test_a_browser_plays_the_first_source_that_it_can__W5_1(watch: Watch, clips: dict[str, bytes]):
    codecs = {"modern": "av01.0.99M.99", "open": "vp09.00.10.08", "large": "avc1.64000b"}
    asset = screened(clips, "modern", "open", "large", codecs=codecs)
    assert watch(draw("{% video a %}", a=asset), played) == 'video/webm; codecs="vp09.00.10.08"'


def test_a_narrow_screen_is_played_the_small_one__W5_1(watch: Watch, clips: dict[str, bytes]):
    codecs = {"open": "vp09.00.10.08", "small": "avc1.64000b"}
    asset = screened(clips, "open", "small", codecs=codecs)
    page = draw("{% video a %}", a=asset)
    assert watch(page, lambda screen: played(screen, 400)) == 'video/mp4; codecs="avc1.64000b"'
    assert watch(page, lambda screen: played(screen, 1400)) == 'video/webm; codecs="vp09.00.10.08"'


def test_the_original_plays_until_there_is_more__W4_5_W5_3(watch: Watch, clips: dict[str, bytes]):
    asset = screened(clips, codecs={})
    assert watch(draw("{% video a %}", a=asset), played) == "video/mp4"


def test_a_video_that_went_all_the_way_streams_to_a_browser(watch: Watch, clips: dict[str, bytes]):
    """Private: every text and segment that the player asks for is signed."""
    variants = {
        "stream": HLSRecipe(resolutions=(144,), segment_seconds=1),
        "file": VideoRecipe(resolution=144, effort="fast"),
        "cover": PosterRecipe(width=160),
    }
    with declared("reel", content_types=("video/mp4",), variants=variants):
        asset = upload("reel", named(clips["video/mp4"], "reel.mp4"))
        drain_jobs()
        asset = fresh(asset)
        assert variant_states(asset) == dict.fromkeys(variants, "ready")
        assert asset.placeholder
        page = draw("{% video a %}", a=asset)
        assert "poster=" in page
        assert watch(page, played) == "application/vnd.apple.mpegurl"
        only_file = draw('{% video a "file" %}', a=asset)
        assert watch(only_file, played).startswith('video/mp4; codecs="avc1.')
