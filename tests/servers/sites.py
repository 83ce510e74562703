"""The test project behind real servers: an ASGI server of its own, and nginx before another."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
import uvicorn

from example_project.services.ports import free_port

PATIENCE = 15.0


@contextmanager
def asgi(application: Any) -> Iterator[str]:
    """Address of ``application``, served by uvicorn in a thread of this process."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(application, port=port, log_level="error", lifespan="off", ws="none")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        _wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
user {user};
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass {upstream}; }}
{locations}
    }}
}}
"""


@contextmanager
def nginx(upstream: str, folder: Path, locations: str) -> Iterator[str]:
    """Address of an nginx that passes to ``upstream`` what ``locations`` do not take."""
    program = shutil.which("nginx")
    if program is None:
        pytest.fail("The test needs nginx: apt-get install nginx-light", pytrace=False)
    port = free_port()
    (folder / "nginx.conf").write_text(
        NGINX.format(
            folder=folder, port=port, upstream=upstream, locations=locations, user=folder.owner()
        )
    )
    command = [
        program,
        "-p",
        f"{folder}",
        "-e",
        f"{folder}/error.log",
        "-c",
        f"{folder}/nginx.conf",
    ]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(lambda: _answers(address))
            yield address
        finally:
            server.terminate()


def _answers(address: str) -> bool:
    try:
        urllib3.request("GET", f"{address}/nothing/", retries=False, timeout=2)
    except urllib3.exceptions.HTTPError:
        return False
    return True


def _wait_for(happened: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "the server did not start"
        time.sleep(0.02)
