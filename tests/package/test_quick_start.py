"""The README's quick start, word for word, in a fresh project that has only the wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
import psycopg
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = "quick"

# The prerequisites that the quick start names: a PostgreSQL database as ``default``.
DATABASE = """
import dj_database_url
DATABASES = {{"default": dj_database_url.parse({url!r})}}
"""
LOOK = """
import rindle_django as rindle
from django.conf import settings
from django.test import Client

settings.ALLOWED_HOSTS = ["testserver"]
asset.refresh_from_db()
response = Client().get(rindle.variant_url(asset, "thumb"))
print(asset.state, response.status_code, response.headers["Content-Type"])
"""


def readme_blocks(language: str) -> list[str]:
    """The fenced blocks of the quick start, unindented."""
    text = (REPOSITORY / "README.md").read_text()
    section = text.split("## Quick start")[1].split("\n## ")[0]
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", section, re.DOTALL | re.MULTILINE)
    return ["\n".join(line[len(pad) :] for line in body.splitlines()) for pad, body in found]


@pytest.fixture
def empty_database() -> Iterator[str]:
    """URL of a database of its own on the test server."""
    url = os.environ["DATABASE_URL"]
    name = f"quick_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(_renamed(url, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield _renamed(url, name)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _renamed(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()


@pytest.fixture
def site_with_wheel(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH that holds the built wheel, unpacked by pip."""
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        tmp_path,
    ]
    subprocess.run([*build, REPOSITORY], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*install, "--target", site, wheel], check=True, capture_output=True)
    return site


def test_the_quick_start_works_word_for_word(
    tmp_path: Path, site_with_wheel: Path, empty_database: str
):
    assert dj_database_url.parse(empty_database)["ENGINE"] == "django.db.backends.postgresql"
    settings, urls, media, use = readme_blocks("python")
    environment = {
        **os.environ,
        "PYTHONPATH": str(site_with_wheel),
        "DJANGO_SETTINGS_MODULE": f"{PROJECT}.settings",
    }

    def run(*command: str | Path, text: str = "") -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path / PROJECT,
            env=environment,
            input=text,
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (tmp_path / PROJECT).mkdir()
    run("-m", "django", "startproject", PROJECT, ".", "--settings", "django.conf.global_settings")
    package = tmp_path / PROJECT / PROJECT
    _append(package / "settings.py", DATABASE.format(url=empty_database), settings)
    _append(package / "urls.py", urls)
    run("manage.py", "startapp", "album")
    (tmp_path / PROJECT / "album" / "media.py").write_text(media)
    _append(package / "settings.py", 'INSTALLED_APPS += ["album"]')

    run("manage.py", "check", "--fail-level", "WARNING")
    assert str(site_with_wheel) in run("-c", "import rindle_django; print(rindle_django.__file__)")
    run("manage.py", "migrate", "--verbosity", "0")
    shutil.copy(_photo(), tmp_path / PROJECT / "photo.jpg")

    upload, show = use.split("\n# moments later")
    saved = "\nprint(asset.pk)"
    asset_id = run("manage.py", "shell", "-v", "0", "-c", upload + saved).split()[-1]
    run("manage.py", "procrastinate", "worker", "--one-shot")
    run("manage.py", "procrastinate", "worker", "--one-shot")

    found = f"from rindle_django.models import Asset\nasset = Asset.objects.get(pk='{asset_id}')\n"
    shown = found + "import rindle_django as rindle\n# moments later" + show + LOOK
    assert run("manage.py", "shell", "-v", "0", "-c", shown).split()[-3:] == [
        "ready",
        "200",
        "image/webp",
    ]


def _append(path: Path, *blocks: str) -> None:
    with path.open("a") as file:
        file.write("\n" + "\n".join(blocks) + "\n")


def _photo() -> Path:
    photos = sorted((REPOSITORY / "example_project" / "photos").glob("*.jpg"))
    return max(photos, key=lambda path: path.stat().st_size)
