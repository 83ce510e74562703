"""The example site with all that it needs: database, workers, web server, on loopback only."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from example_project.services.children import MANAGE, ROOT, Children
from example_project.services.ports import free_port
from example_project.services.postgres import running_postgres

IMAGES = ("rindle_process",)
TRANSCODING = ("rindle_media",)
OTHERS = ("rindle_promote", "rindle_purge", "rindle_maintenance")
ADMIN = ("admin", "admin")


@dataclass(frozen=True)
class Site:
    """A running site. ``check()`` of its children raises when one of them has died."""

    address: str
    children: Children


@contextmanager
def running_site(var: Path, *, port: int = 0) -> Iterator[Site]:
    """Start everything, with data below ``var``; ``port`` 0 takes a free one."""
    os.environ["EXAMPLE_VAR"] = str(var)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.config.settings")
    with running_postgres(var / "postgres") as database:
        os.environ["DATABASE_URL"] = database
        prepare()
        with Children(var / "logs", {"DATABASE_URL": database}) as children:
            yield Site(_start(children, port or free_port()), children)


def prepare() -> None:
    """Migrate, and make the administrator that only a demonstration may have."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    from django.contrib.auth.models import User

    name, password = ADMIN
    if not User.objects.filter(username=name).exists():
        User.objects.create_superuser(name, "", password)


def _start(children: Children, port: int) -> str:
    cores = os.cpu_count() or 1
    # Making variants is work for the processor, the rest waits for storage: a pool for each, so
    # that a video never keeps a thumbnail waiting, and neither an upload from being checked.
    children.start("worker-images", *_worker(IMAGES, max(1, min(cores, 8))))
    children.start("worker-media", *_worker(TRANSCODING, max(1, min(cores // 2, 4))))
    children.start("worker-others", *_worker(OTHERS, 4))
    children.start("web", *_server(port))
    address = f"http://127.0.0.1:{port}"
    _wait_for(address, children)
    return address


def _worker(queues: Sequence[str], concurrency: int) -> tuple[str, ...]:
    count = str(concurrency)
    return (
        *(MANAGE, "procrastinate", "worker"),
        *("--queues", ",".join(queues), "--concurrency", count),
    )


def _server(port: int) -> tuple[str, ...]:
    """ASGI, for the streams of progress; pages that are open do not keep it from ending."""
    return (
        *("-m", "uvicorn", "example_project.config.asgi:application", "--app-dir", str(ROOT)),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--lifespan", "off", "--ws", "none", "--timeout-graceful-shutdown", "2"),
    )


def _wait_for(address: str, children: Children, patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while True:
        children.check()
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
