"""The admin as an operator handles it, with whatever the page complains of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, expect

from example_project.services.site import ADMIN

PATIENCE = 30_000
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa"]}}

NAMELESS = """() => [...document.querySelectorAll("a, button, input, select, img, svg")]
  .filter(each => each.getClientRects().length)
  .filter(each => {
    const labelled = each.getAttribute("aria-label") || each.getAttribute("title")
      || each.getAttribute("aria-labelledby") || each.labels?.length || each.value;
    const text = each.textContent.trim() || each.getAttribute("alt");
    return !(labelled || text || each.getAttribute("alt") === "" || each.ariaHidden === "true");
  }).map(each => each.outerHTML.slice(0, 200))"""


class Console:
    """``complaints`` are the page's errors, among them every breach of its security policy."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        self.policies: set[str] = set()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)
        page.on("response", self._note_policy)

    def _listen(self, message: ConsoleMessage) -> None:
        icon = str(message.location.get("url", "")).endswith("favicon.ico")  # the demo has none
        if message.type in ("error", "warning") and not icon:
            self.complaints.append(message.text)

    def _note_policy(self, response: Any) -> None:
        if response.request.resource_type == "document":
            self.policies.add(response.headers.get("content-security-policy", ""))

    def log_in(self) -> None:
        name, password = ADMIN
        self.page.goto(f"{self.address}admin/")
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def visit(self, path: str) -> None:
        answer = self.page.goto(f"{self.address}admin/rindle/{path}")
        assert answer is not None
        assert answer.status == 200

    def picture(self, path: Path) -> None:
        self.page.screenshot(path=path, full_page=True, animations="disabled")

    def violations(self) -> list[str]:
        """What axe-core finds within the content, in words. The frame around it is Django's."""
        found = Axe().run(self.page, context="#content", options=RULES).response["violations"]
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
            for each in found
            for node in each["nodes"]
        ]

    def nameless(self) -> list[str]:
        """What can be seen and used, but has no name for those who cannot see it."""
        found: list[str] = self.page.evaluate(NAMELESS)
        return found


expect.set_options(timeout=PATIENCE)
