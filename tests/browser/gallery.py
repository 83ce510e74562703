"""The gallery's page as its visitor handles it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

PHOTOS = Path(__file__).resolve().parents[2] / "example_project" / "photos"
TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".heic": "image/heic"}
PATIENCE = 30_000  # milliseconds; two cores make a large AVIF in two seconds, when they are free

expect.set_options(timeout=PATIENCE)

# As a drop from the desktop brings them: files with a type by name, in one DataTransfer.
MAKE_TRANSFER = """files => {
  const transfer = new DataTransfer();
  for (const { name, type, content } of files) {
    const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
  }
  return transfer;
}"""
# Every value that any bar has shown since, in order.
WATCH_BARS = """() => {
  window.barsSeen = [];
  new MutationObserver(changes => {
    for (const { target } of changes) {
      if (target.matches("progress[value]")) window.barsSeen.push(target.value);
    }
  }).observe(document.body, { attributes: true, attributeFilter: ["value"], subtree: true });
}"""


class Gallery:
    """``complaints`` are the page's errors, among them every breach of its security policy."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)

    def _listen(self, message: ConsoleMessage) -> None:
        # Chromium reports refused requests on its own; the page answers those with a card.
        refused = message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not refused:
            self.complaints.append(message.text)

    # --- what a visitor does -------------------------------------------------------------------

    def visit(self) -> None:
        answer = self.page.goto(self.address)
        assert answer is not None
        assert answer.status == 200

    def choose(self, *files: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name="Add files").click()
        chooser.value.set_files(files)

    def drop(self, *files: Path) -> None:
        described = [
            {
                "name": path.name,
                "type": TYPES[path.suffix],
                "content": base64.b64encode(path.read_bytes()).decode(),
            }
            for path in files
        ]
        transfer = self.page.evaluate_handle(MAKE_TRANSFER, described)
        body = self.page.locator("body")
        for event in ("dragenter", "dragover", "drop"):
            body.dispatch_event(event, {"dataTransfer": transfer})

    def open(self, name: str) -> Locator:
        self.page.get_by_role("button", name=f"Open {name}").click()
        return self.page.get_by_role("dialog")

    def remove(self, name: str) -> None:
        card = self.card(name)
        card.hover()
        card.get_by_role("button", name=f"Remove {name}").click()

    # --- what a visitor sees -------------------------------------------------------------------

    @property
    def cards(self) -> Locator:
        return self.page.get_by_role("list", name="Photos", exact=True).get_by_role("listitem")

    def card(self, name: str) -> Locator:
        return self.cards.filter(has=self.page.get_by_text(name, exact=True))

    def wait_until_ready(self, *names: str) -> None:
        for name in names:
            button = self.page.get_by_role("button", name=f"Open {name}")
            expect(button).to_be_enabled()
            self.wait_until_shown(self.thumbnail(name))

    def thumbnail(self, name: str) -> Locator:
        return self.card(name).locator("img.card__thumb")

    def wait_until_shown(self, image: Locator) -> int:
        """Until the image's pixels are there; their width."""
        expect(image).to_have_js_property("complete", value=True)
        width: int = image.evaluate("image => image.decode().then(() => image.naturalWidth)")
        return width

    @contextmanager
    def slow_line(self, bytes_per_second: int) -> Iterator[None]:
        session = self.page.context.new_cdp_session(self.page)
        _limit(session.send, bytes_per_second)
        yield
        _limit(session.send, -1)

    @contextmanager
    def bars_watched(self) -> Iterator[list[int]]:
        """The values that progress bars have shown, once the context is left."""
        seen: list[int] = []
        self.page.evaluate(WATCH_BARS)
        yield seen
        seen += self.page.evaluate("window.barsSeen")

    def picture(self, path: Path, *, whole: bool = False) -> None:
        self.page.screenshot(path=path, full_page=whole, animations="disabled")


def _limit(send: object, upload: int) -> None:
    assert callable(send)
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
    send("Network.enable")
    send("Network.emulateNetworkConditions", limits)


def photos(*names: str) -> Sequence[Path]:
    return [PHOTOS / name for name in names]
