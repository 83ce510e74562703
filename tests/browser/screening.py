"""Pages of our markup in a real Chromium. It runs in a thread of its own: its event loop would make
Django believe that the test is asynchronous."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import imageio_ffmpeg
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from PIL import Image
from playwright.sync_api import Browser, Page, Route, sync_playwright

import rindle_django
from rindle_django.models import Asset
from rindle_django.storage import adapter_for
from tests.browser.conftest import CHROMIUM

T = TypeVar("T")
STATIC = Path(rindle_django.__file__).parent / "static"
# As strict as a policy can be that shows anything: no inline style or script, no data: or blob:.
POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; script-src 'self'; style-src 'self'"
STYLE = "body { margin: 0 } img { display: block; width: 100%; height: auto }"
PAGE: dict[str, str] = {}


def _page(request: HttpRequest) -> HttpResponse:
    head = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>page</title>'
        '<link rel="icon" href="/static/rindle/blank.svg"><link rel="stylesheet" href="/style.css">'
        '<script src="/static/rindle/placeholder.js" defer></script>'
    )
    policy = PAGE.get("policy", POLICY)
    return HttpResponse(head + PAGE["body"], headers={"Content-Security-Policy": policy})


def _style(request: HttpRequest) -> HttpResponse:
    return HttpResponse(STYLE, content_type="text/css")


urlpatterns = [
    path("page/", _page),
    path("style.css", _style),
    path("", include("tests.urls")),
]


@dataclass
class Screen:
    """``complaints`` are the page's errors, among them every breach of its security policy."""

    browser: Browser
    address: str
    complaints: list[str] = field(default_factory=list)

    @contextmanager
    def page(self, width: int = 1000, density: float = 1) -> Iterator[Page]:
        context = self.browser.new_context(
            viewport={"width": width, "height": 800}, device_scale_factor=density
        )
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)
        yield page
        context.close()

    def _listen(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, page: Page) -> None:
        page.goto(f"{self.address}/page/", wait_until="commit")


class Cinema:
    """The thread with the browser: ``watch`` has it do something and returns what came of it."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.thread.submit(self._start).result()

    def watch(self, address: str, action: Callable[[Screen], T]) -> T:
        screen = Screen(self.browser, address)
        found = self.thread.submit(action, screen).result()
        assert screen.complaints == []
        return found

    def close(self) -> None:
        self.thread.submit(self._stop).result()
        self.thread.shutdown()

    def _start(self) -> None:
        self.playwright = sync_playwright().start()
        self.browser = self.playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(CHROMIUM)
        )

    def _stop(self) -> None:
        self.browser.close()
        self.playwright.stop()


# --- what is shown -----------------------------------------------------------------------------


def scene(width: int, height: int) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (width // 2, 0, width, height))
    return image


def hang(asset: Asset) -> Asset:
    """Real files for all variants that are images, each of its size and format."""
    for variant in asset.variants.select_related("object"):
        if not variant.content_type.startswith("image/"):
            continue
        assert variant.width
        assert variant.height
        buffer = io.BytesIO()
        form = variant.content_type.removeprefix("image/").upper()
        scene(variant.width, variant.height).save(buffer, form)
        put(variant.object, buffer.getvalue(), variant.content_type)
    return asset


def put(stored: Any, content: bytes, content_type: str) -> None:
    adapter_for(stored.storage).put_stream(
        stored.key, [content], length=len(content), content_type=content_type, limit=len(content)
    )


def clip(folder: Path, name: str, *codec: str) -> bytes:
    """A second of moving picture."""
    target = folder / name
    source = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10:duration=1"]
    program = imageio_ffmpeg.get_ffmpeg_exe()
    command = [program, "-v", "error", "-y", *source, *codec, "-pix_fmt", "yuv420p", str(target)]
    subprocess.run(command, check=True, timeout=60)
    return target.read_bytes()


@contextmanager
def held(screen: Screen, width: int = 1000) -> Iterator[tuple[Page, Callable[[], None]]]:
    """A page whose media do not come until they are released."""
    waiting: list[Route] = []
    released: list[bool] = []

    def hold(route: Route) -> None:
        if released:
            route.continue_()
        else:
            waiting.append(route)

    def release() -> None:
        released.append(True)
        for route in waiting:
            route.continue_()

    with screen.page(width) as page:
        page.route("**/rindle/media/**", hold)
        yield page, release


def seen(page: Page, *points: tuple[int, int]) -> list[str]:
    """What colours these points of the page have, in a word."""
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return [_word(shot.getpixel(point)) for point in points]


def _word(colour: Any) -> str:
    red, _, blue = colour
    if min(colour) > 240:
        return "white"
    return "red" if red > blue + 60 else "blue" if blue > red + 60 else f"{colour}"
