"""A real browser plays what our own view serves: files in parts, and private streams."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from playwright.sync_api import Page

from rindle_django import HLSRecipe, streaming_url, variant_url
from rindle_django.models import Variant
from rindle_django.testing import Recorder, drain_jobs
from tests.browser.conftest import launched
from tests.delivery.films import (
    cinema,
    expected,
    filled,
    film,
    name_of,
    published,
)
from tests.kit import declared
from tests.transcoding.clips import clip, filmed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SECONDS = 8
PLAYER = """<!doctype html><title>player</title>
<video id=player muted playsinline preload=metadata width=320 height=240 {}></video>"""


def ffmpeg(*arguments: object) -> None:
    quiet = ("-hide_banner", "-loglevel", "error", "-nostdin", "-y")
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, *quiet, *map(str, arguments)], check=True, timeout=60)


@pytest.fixture(scope="module")
def snow(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Eight seconds that cannot be compressed: more than a browser fetches ahead of time."""
    path = tmp_path_factory.mktemp("snow") / "snow.mp4"
    picture = f"testsrc2=s=320x240:r=25:d={SECONDS},noise=alls=80:allf=t"
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=d={SECONDS}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-crf", 6, "-g", 25),
        *("-c:a", "aac", "-movflags", "+faststart", path),
    )
    return path.read_bytes()


@pytest.fixture(autouse=True)
def _cinema() -> Iterator[None]:
    with cinema():
        yield


def watch(site: str, body: str, act: Callable[[Page], Any]) -> Any:
    """What ``act`` finds on a page of the site. Without the database: see ``launched``."""
    with launched() as browser:
        page = browser.new_page()
        page.route(
            f"{site}/player/",
            lambda route: route.fulfill(body=body, content_type="text/html"),
        )
        page.goto(f"{site}/player/")
        found = act(page)
        browser.close()
    return found


def play(page: Page, since: float = 0) -> float:
    """Plays until the picture moves; returns where it is then."""
    page.evaluate("document.querySelector('video').play()")
    page.wait_for_function(
        "since => document.querySelector('video').currentTime > since + 0.3",
        arg=since,
        timeout=15_000,
    )
    moved = page.evaluate("document.querySelector('video').currentTime")
    assert page.evaluate("document.querySelector('video').videoWidth") == 320
    return float(moved)


def seek(page: Page, to: float) -> float:
    page.evaluate(
        """to => new Promise((done, failed) => {
            const video = document.querySelector('video');
            video.onseeked = done;
            video.onerror = () => failed(video.error.message);
            video.currentTime = to;
        })""",
        to,
    )
    return float(page.evaluate("document.querySelector('video').currentTime"))


def test_chromium_plays_a_file_and_asks_for_the_part_it_jumps_to(
    snow: bytes, live_server: Any, events: Recorder
):
    asset = film(content=snow, duration_ms=SECONDS * 1000)
    address = streaming_url(asset).url

    def visit(page: Page) -> tuple[float, float, int]:
        page.wait_for_function("document.querySelector('video').readyState >= 1", timeout=15_000)
        before = len(ranges(events))
        landed = seek(page, SECONDS - 2)
        return landed, play(page, landed), before

    landed, moved, before = watch(live_server.url, PLAYER.format(f'src="{address}"'), visit)
    assert landed >= SECONDS - 2
    assert moved > landed
    asked = ranges(events)
    assert len(asked) > before >= 1
    # The jump asked for what is near the end, rather than for all that is between.
    assert max(each["offset"] for each in asked[before:]) > len(snow) * 0.6
    assert all(each["file_size"] == len(snow) for each in asked)


def test_a_film_opens_in_a_tab_of_its_own(snow: bytes, live_server: Any):
    address = live_server.url + streaming_url(film(content=snow)).url

    def visit(page: Page) -> float:
        page.goto(address)
        return play(page)

    assert watch(live_server.url, PLAYER.format(""), visit) > 0.3


def ranges(events: Recorder) -> list[dict[str, int | float]]:
    return [
        numbers
        for name, numbers, _ in tuple(events.emitted)
        if name == "rindle.delivery.range_request"
    ]


# A player in a few lines, as hls.js does it: texts by fetch, parts by Range, into a buffer.
HLS_PLAYER = (
    PLAYER.format("")
    + """<script>
const lines = async (address) => {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${answer.status} ${address}`);
    return (await answer.text()).split('\\n').map(line => line.trim()).filter(Boolean);
};
const part = async (address, length, offset) => {
    const last = offset + length - 1;
    const answer = await fetch(address, {headers: {Range: `bytes=${offset}-${last}`}});
    if (answer.status !== 206) throw new Error(`${answer.status} instead of a part`);
    return answer.arrayBuffer();
};
async function load(address, codecs) {
    const [playlist] = (await lines(address)).filter(line => !line.startsWith('#'));
    const media = await lines(playlist);
    const source = new MediaSource();
    document.querySelector('video').src = URL.createObjectURL(source);
    await new Promise(open => source.onsourceopen = open);
    const buffer = source.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
    const append = bytes => new Promise((done, failed) => {
        buffer.onupdateend = done;
        buffer.onerror = failed;
        buffer.appendBuffer(bytes);
    });
    const map = media.join('\\n').match(/URI="([^"]+)",BYTERANGE="(\\d+)@(\\d+)"/);
    await append(await part(map[1], +map[2], +map[3]));
    let count = 0;
    for (const [at, line] of media.entries()) {
        const range = line.match(/^#EXT-X-BYTERANGE:(\\d+)@(\\d+)$/);
        if (!range) continue;
        await append(await part(media[at + 1], +range[1], +range[2]));
        count += 1;
    }
    source.endOfStream();
    return count;
}
</script>"""
)


@pytest.fixture
def stream() -> Iterator[Variant]:
    """Of a private film, three seconds long, that went all the way through the pipeline."""
    recipe = HLSRecipe(resolutions=(240,), effort="fast", segment_seconds=1)
    with declared("reel", content_types=("video/mp4",), variants={"stream": recipe}):
        asset = filmed(content=clip(3, "320x240", 25))
        drain_jobs()
        yield Variant.objects.select_related("asset").get(asset=asset, state="ready")


def test_a_script_plays_a_private_stream(stream: Variant, live_server: Any, events: Recorder):
    playback = streaming_url(stream.asset)
    assert playback.kind == "hls"
    codecs = stream.details["renditions"][0]["codecs"]

    def visit(page: Page) -> tuple[int, float, float, int]:
        count = page.evaluate("([url, codecs]) => load(url, codecs)", [playback.url, codecs])
        return count, play(page), seek(page, 2.5), len(ranges(events))

    count, moved, landed, asked = watch(live_server.url, HLS_PLAYER, visit)
    assert count == 3
    assert moved > 0.3
    assert landed >= 2.5
    assert asked == count + 1  # and the header


def test_a_browser_that_knows_hls_plays_a_private_stream_by_itself(
    stream: Variant, live_server: Any, events: Recorder
):
    playback = streaming_url(stream.asset)
    source = f'<source src="{playback.url}" type="{playback.mime}">'
    body = PLAYER.format("").replace("</video>", f"{source}</video>")
    moved, landed = watch(live_server.url, body, lambda page: (play(page), seek(page, 2.5)))
    assert moved > 0.3
    assert landed >= 2.5
    assert ranges(events)


def test_chromium_shows_a_tile_of_a_private_storyboard(live_server: Any, tmp_path: Path):
    asset = film()
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x90", "-frames:v", 1, tmp_path / "sheet.jpg")
    main = expected(asset, "text/vtt", extension=".vtt")
    sheet = expected(asset, "image/jpeg", part_of=main)
    filled(sheet, (tmp_path / "sheet.jpg").read_bytes())
    cue = f"00:00.000 --> 00:02.000\n{name_of(sheet)}#xywh=160,0,160,90"
    filled(main, f"WEBVTT\n\n{cue}\n".encode())
    published(asset, "storyboard", main)
    address = variant_url(asset, "storyboard")
    track = f'<track id=tiles kind=metadata default src="{address}">'
    body = PLAYER.format("").replace("</video>", f"{track}</video>")

    def visit(page: Page) -> tuple[str, int]:
        page.wait_for_function("document.getElementById('tiles').readyState === 2", timeout=15_000)
        text = page.evaluate("document.getElementById('tiles').track.cues[0].text")
        width = page.evaluate(
            """async address => {
                const image = new Image();
                image.src = address;
                await image.decode();
                return image.naturalWidth;
            }""",
            text.partition("#")[0],
        )
        return text, width

    text, width = watch(live_server.url, body, visit)
    assert text.endswith("#xywh=160,0,160,90")
    assert width == 320
