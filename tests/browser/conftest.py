"""The running demo, a Chromium, and a visitor's page. Ended after each module: Playwright's event
loop would make Django believe that later tests are asynchronous."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.sync_api import Browser, sync_playwright

from example_project.services.ports import free_port
from tests.browser.gallery import Gallery

REPOSITORY = Path(__file__).resolve().parents[2]
ARTIFACTS = REPOSITORY / "artifacts" / "gallery"
# Nothing but the page under test: no calls home, and no sandbox that a container cannot give.
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def demo_database() -> Iterator[str]:
    """URL of an empty database on the test server."""
    url, name = os.environ["DATABASE_URL"], f"gallery_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(_renamed(url, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield _renamed(url, name)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def site(demo_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the demo: web server and worker processes as ``make demo`` starts them."""
    var = tmp_path_factory.mktemp("demo")
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "example_project.demo"),
            *("--var", var, "--port", str(free_port())),
        ],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DATABASE_URL": demo_database,
            "DJANGO_SETTINGS_MODULE": "example_project.config.settings",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        try:
            yield _address(demo)
            early = demo.poll()
        finally:
            demo.send_signal(signal.SIGTERM)
            rest, _ = demo.communicate(timeout=30)
        if early is not None:
            pytest.fail(f"The demo ended by itself, with {early}:\n{rest}", pytrace=False)


def _address(demo: subprocess.Popen[str]) -> str:
    said = []
    assert demo.stdout is not None
    while line := demo.stdout.readline():
        said.append(line)
        if line.startswith("Gallery"):
            return line.split()[1]
    pytest.fail(f"The demo ended with {demo.wait()}:\n{''.join(said)}", pytrace=False)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@contextmanager
def launched() -> Iterator[Browser]:
    """For tests that use the database: these end the browser before they go on with it."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("The browser tests need Chromium: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM))
        yield browser
        browser.close()


@pytest.fixture
def gallery(chromium: Browser, site: str) -> Iterator[Gallery]:
    """The page of a visitor who has never been here. Whatever it complains of fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 860})
    visitor = Gallery(context.new_page(), site)
    visitor.visit()
    yield visitor
    context.close()
    assert visitor.complaints == []


@pytest.fixture(scope="session")
def artifacts() -> Path:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return ARTIFACTS


def _renamed(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()
