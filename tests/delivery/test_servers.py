"""Files through real servers: WSGI, ASGI, and nginx that sends them itself."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from django.core.asgi import get_asgi_application
from pytest_django import Settings

from rindle_django import url
from rindle_django.models import Asset
from rindle_django.storage import adapter_for
from rindle_django.storage.filesystem import FileSystemAdapter
from rindle_django.testing import Recorder
from tests.delivery.films import cinema, film
from tests.servers.sites import asgi, nginx

pytestmark = pytest.mark.django_db(transaction=True)

CONTENT = bytes(range(256)) * 65_536  # 16 MiB: more than all buffers on the way
SIZE = len(CONTENT)
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "playback.md"


@pytest.fixture(autouse=True)
def _cinema() -> Iterator[None]:
    with cinema():
        yield


@pytest.fixture
def asset() -> Asset:
    return film(content=CONTENT)


@pytest.fixture(params=["wsgi", "asgi"])
def site(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "wsgi":
        yield request.getfixturevalue("live_server").url
    else:
        with asgi(get_asgi_application()) as address:
            yield address


def ask(address: str, method: str = "GET", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.request(method, address, headers=named, retries=False, timeout=20)


def path_of(asset: Asset) -> Path:
    assert asset.original is not None
    adapter = adapter_for(asset.storage)
    assert isinstance(adapter, FileSystemAdapter)
    return adapter.path_of(asset.original.key)


def open_descriptors(path: Path) -> int:
    """How often this process, which is the server, has the file open."""
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        try:
            found += each.readlink() == path
        except FileNotFoundError:
            continue
    return found


def settles_at(path: Path, expected: int) -> bool:
    end = time.monotonic() + 10
    while open_descriptors(path) != expected and time.monotonic() < end:
        time.sleep(0.05)
    return open_descriptors(path) == expected


# --- by us -------------------------------------------------------------------------------------


def test_a_server_of_either_kind_sends_the_whole_file(site: str, asset: Asset):
    response = ask(site + url(asset))
    assert (response.status, response.data == CONTENT) == (200, True)
    assert response.headers["Content-Length"] == str(SIZE)
    assert response.headers["Accept-Ranges"] == "bytes"
    assert "Set-Cookie" not in response.headers
    assert "Transfer-Encoding" not in response.headers
    assert settles_at(path_of(asset), 0)


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=1000000-9000000", 1_000_000, 9_000_000),
        ("bytes=-3", SIZE - 3, SIZE - 1),
        ("bytes=5-", 5, SIZE - 1),
    ],
)
def test_a_server_of_either_kind_sends_a_part(
    site: str, asset: Asset, header: str, first: int, last: int
):
    response = ask(site + url(asset), Range=header)
    assert (response.status, response.data == CONTENT[first : last + 1]) == (206, True)
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert response.headers["Content-Length"] == str(last - first + 1)
    assert settles_at(path_of(asset), 0)


def test_a_server_of_either_kind_says_what_it_does_not_send(site: str, asset: Asset):
    address = site + url(asset)
    head = ask(address, "HEAD")
    assert (head.status, head.data, head.headers["Content-Length"]) == (200, b"", str(SIZE))
    assert ask(address, If_None_Match=head.headers["ETag"]).status == 304
    beyond = ask(address, Range=f"bytes={SIZE}-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{SIZE}")
    assert ask(address, "POST").status == 405
    assert settles_at(path_of(asset), 0)


@pytest.mark.parametrize("header", ["", "Range: bytes=1000-\r\n"], ids=["whole", "part"])
def test_a_player_that_leaves_leaves_no_open_file(site: str, asset: Asset, header: str):
    host = urlsplit(site)
    for _ in range(3):
        with socket.create_connection((host.hostname, host.port), timeout=20) as connection:
            request = f"GET {url(asset)} HTTP/1.1\r\nHost: testserver\r\n{header}\r\n"
            connection.sendall(request.encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 20")
            assert open_descriptors(path_of(asset)) >= 1
    assert settles_at(path_of(asset), 0)


def test_a_slow_reader_keeps_little_in_memory(asset: Asset):
    """Under ASGI the file is read as it is sent, not before (what a synchronous iterator did)."""
    read = []
    with asgi(get_asgi_application()) as site:
        host = urlsplit(site)
        with socket.create_connection((host.hostname, host.port), timeout=20) as connection:
            connection.sendall(f"GET {url(asset)} HTTP/1.1\r\nHost: testserver\r\n\r\n".encode())
            connection.recv(1000)
            for _ in range(20):
                time.sleep(0.02)
                read.append(position_of(path_of(asset)))
    assert 0 < max(read) < SIZE


def position_of(path: Path) -> int:
    """How far the server has read in the file."""
    for each in Path("/proc/self/fd").iterdir():
        if each.is_symlink() and each.readlink() == path:
            told = Path("/proc/self/fdinfo", each.name).read_text()
            return int(re.findall(r"pos:\s*(\d+)", told)[0])
    return 0


# --- by the web server -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "header", "value"),
    [
        ("x-accel-redirect", "X-Accel-Redirect", "/rindle-internal/default/{key}"),
        ("x-sendfile", "X-Sendfile", "{root}/{key}"),
    ],
)
def test_the_web_server_is_told_what_to_send(
    asset: Asset,
    client: Any,
    settings: Settings,
    events: Recorder,
    way: str,
    header: str,
    value: str,
    tmp_path: Path,
):
    settings.RINDLE = {**settings.RINDLE, "SENDFILE": way}
    response = client.get(url(asset), headers={"Range": "bytes=0-9"})
    assert asset.original is not None
    named = value.format(key=asset.original.key, root=tmp_path / "default")
    assert (response.status_code, response.headers[header]) == (200, named)
    assert response.body == b""
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Content-Disposition"].startswith("inline")
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "private" in response.headers["Cache-Control"]
    assert events.named("rindle.delivery.range_request") == []


def test_a_prefix_of_ones_own_leads_nginx(asset: Asset, client: Any, settings: Settings):
    more = {"SENDFILE": "x-accel-redirect", "SENDFILE_PREFIX": "/kept"}
    settings.RINDLE = {**settings.RINDLE, **more}
    assert client.get(url(asset)).headers["X-Accel-Redirect"].startswith("/kept/default/originals/")


def test_the_web_server_is_not_told_of_what_was_taken_back(
    asset: Asset, client: Any, settings: Settings
):
    settings.RINDLE = {**settings.RINDLE, "SENDFILE": "x-accel-redirect"}
    address = url(asset)
    Asset.objects.filter(pk=asset.pk).update(state="quarantined")
    response = client.get(address)
    assert response.status_code == 404
    assert "X-Accel-Redirect" not in response.headers


@pytest.mark.parametrize("way", ["x-accel-redirect", "x-sendfile"])
def test_the_web_server_is_not_led_out_of_the_storage__W4_8(
    asset: Asset, client: Any, settings: Settings, tmp_path: Path, way: str
):
    settings.RINDLE = {**settings.RINDLE, "SENDFILE": way}
    path = path_of(asset)
    (tmp_path / "secret").write_bytes(b"secret")
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    response = client.get(url(asset))
    assert response.status_code == 500
    assert way.title() not in response.headers


def guided(location: Path) -> str:
    """The locations that the guide gives for nginx, with this test's folder."""
    (given,) = re.findall(r"```nginx\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert "/srv/media/" in given
    return str(given.replace("/srv/media/", f"{location}/"))


@pytest.mark.nginx
def test_nginx_sends_the_file_as_the_guide_has_it(
    asset: Asset, live_server: Any, settings: Settings, tmp_path: Path
):
    settings.RINDLE = {**settings.RINDLE, "SENDFILE": "x-accel-redirect"}
    folder = tmp_path / "nginx"
    folder.mkdir()
    assert asset.original is not None
    with nginx(live_server.url, folder, guided(tmp_path / "default")) as site:
        whole = ask(site + url(asset))
        part = ask(site + url(asset), Range="bytes=100-299")
        beyond = ask(site + url(asset), Range=f"bytes={SIZE}-")
        again = ask(site + url(asset), If_None_Match=whole.headers["ETag"])
        saved = ask(site + url(asset, download=True, filename="é.mp4"))
        direct = ask(f"{site}/rindle-internal/default/{asset.original.key}")
        forged = ask(site + url(asset).replace("/media/", "/media/A"))
    assert (whole.status, whole.data == CONTENT) == (200, True)
    assert (part.status, part.data == CONTENT[100:300]) == (206, True)
    assert part.headers["Content-Range"] == f"bytes 100-299/{SIZE}"
    assert (beyond.status, again.status) == (416, 304)
    assert saved.headers["Content-Disposition"].endswith("filename*=UTF-8''%C3%A9.mp4")
    assert (direct.status, forged.status) == (404, 403)
    for response in (whole, part):
        assert response.headers["Content-Type"] == "video/mp4"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-site"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "private" in response.headers["Cache-Control"]
        assert "X-Accel-Redirect" not in response.headers
        assert "Set-Cookie" not in response.headers
