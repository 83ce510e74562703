"""The site's processes, a browser that talks to them, and the spans that they exported."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.test import Client

from example_project.services.ports import free_port
from rindle_django.operations.reconcile import reconcile
from tests.jobs.queue import grace_passes
from tests.jobs.worker import PATIENCE, ROOT, environment, kill, wait_for, work

SETTINGS = "tests.telemetry.site.settings"


@dataclass
class Browser:
    """A signed-in visitor who sends the same ``traceparent`` with every request."""

    port: int
    traceparent: str
    cookie: str = field(repr=False, default="")

    def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        sent = {"traceparent": self.traceparent, "Cookie": self.cookie, **(headers or {})}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        kind = answer.headers.get("Content-Type", "")
        return answer.status, json.loads(content) if kind.startswith("application/json") else b""

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        kind = {"Content-Type": "application/json"}
        status, answer = self.request("POST", path, json.dumps(body).encode(), kind)
        assert status < 300, answer
        found: dict[str, Any] = answer
        return found

    def upload(self, content: bytes, filename: str) -> dict[str, Any]:
        """All the steps of a direct upload; what the server answered to the first."""
        declared = {"profile": "photo", "filename": filename, "content_type": "image/jpeg"}
        begun = self.post("/rindle/uploads/", {**declared, "byte_size": len(content)})
        to = begun["upload"]
        target = urlsplit(to["url"])
        status, _ = self.request(to["method"], target.path, content, to["headers"])
        assert status == 201
        self.post("/rindle/uploads/verify/", {"ticket": begun["ticket"]})
        return begun


@contextmanager
def browsing(folder: Path, traceparent: str) -> Iterator[Browser]:
    """The site's web server in a process of its own, and a visitor to it."""
    client, port = Client(), free_port()
    client.force_login(User.objects.create(username="boss"))
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    process = subprocess.Popen(
        [*(sys.executable, "-m", "django", "runserver", "--noreload", f"127.0.0.1:{port}")],
        cwd=ROOT,
        env=environment(DJANGO_SETTINGS_MODULE=SETTINGS, RINDLE_TEST_SPANS=str(folder)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    browser = Browser(port, traceparent, cookie)
    try:
        wait_for("the web server", lambda: _answers(browser))
        yield browser
    finally:
        kill(process)


def _answers(browser: Browser) -> bool:
    try:
        return browser.request("HEAD", "/")[0] == 404
    except OSError:
        return False


def work_on(folder: Path, *queues: str) -> None:
    """A worker process of its own, until no job of these queues is due."""
    work(
        f"--queues={','.join(queues)}",
        DJANGO_SETTINGS_MODULE=SETTINGS,
        RINDLE_TEST_SPANS=str(folder),
    )


def delete_again(folder: Path) -> None:
    """What the reconciler does a day later."""
    grace_passes(90_000)
    assert reconcile().objects > 0
    work_on(folder, "rindle_purge")


@dataclass(frozen=True)
class Exported:
    """One span that some process wrote down."""

    process: int
    name: str
    trace: str
    identity: str
    parent: str
    said: dict[str, Any]
    status: str
    raw: dict[str, Any] = field(repr=False)


def exported(folder: Path) -> list[Exported]:
    """All spans of all processes, in order of their beginning."""
    spans = [
        json.loads(line)
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return [_read(each) for each in sorted(spans, key=lambda each: str(each["start_time"]))]


def _read(span: dict[str, Any]) -> Exported:
    return Exported(
        process=span["resource"]["attributes"]["process.pid"],
        name=span["name"],
        trace=span["context"]["trace_id"].removeprefix("0x"),
        identity=span["context"]["span_id"].removeprefix("0x"),
        parent=(span["parent_id"] or "").removeprefix("0x"),
        said=span["attributes"],
        status=span["status"]["status_code"],
        raw=span,
    )
