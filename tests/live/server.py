"""The test project behind a real ASGI server, and a client that reads its streams."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import uvicorn
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.db import connection
from django.test import Client

from rindle_django.live import channel, listeners

PATIENCE = 10.0


@contextmanager
def served() -> Iterator[int]:
    """The port of a server that runs in a thread of its own, with a loop of its own."""
    settings = uvicorn.Config(
        get_asgi_application(),
        port=0,
        lifespan="off",
        ws="none",
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


def until(condition: Callable[[], Any], patience: float = PATIENCE) -> bool:
    """Whether it has come about in time."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def listening() -> int:
    """Streams that are subscribed in this process."""
    return sum(each.listeners for each in list(listeners._hubs.values()))


def sessions_that_listen() -> list[int]:
    """Of the database, by the server's own account."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
            " AND datname = current_database()",
            [channel.APPLICATION],
        )
        return [pid for (pid,) in cursor.fetchall()]


def other_sessions() -> int:
    """Connections to this database but this test's own and the one that listens."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name <> %s"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'",
            [channel.APPLICATION],
        )
        count: int = cursor.fetchone()[0]
        return count


@dataclass
class Stream:
    """An answer that goes on; ``events`` reads it until the server ends it."""

    connection: socket.socket
    answer: HTTPResponse

    def lines(self) -> Iterator[str]:
        while line := self.answer.readline():
            yield line.decode().rstrip("\n")

    def events(self) -> Iterator[tuple[str, Any]]:
        name = ""
        for line in self.lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))

    def next(self) -> tuple[str, Any]:
        return next(self.events())

    def leave(self) -> None:
        """As a browser does whose page is closed."""
        with suppress(OSError):  # the server may have been first
            self.connection.shutdown(socket.SHUT_RDWR)
        self.answer.close()
        self.connection.close()


@dataclass
class Page:
    """A page of somebody who is logged in."""

    port: int
    cookies: str

    def ask(self, path: str) -> Stream:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.connect()
        line: socket.socket = connection.sock  # the answer may take it away from there
        connection.request("GET", f"/rindle/{path}", headers=self._headers())
        return Stream(line, connection.getresponse())

    def _headers(self) -> dict[str, str]:
        return {"Cookie": self.cookies, "Accept-Encoding": "gzip"}

    @contextmanager
    def follow(self, path: str) -> Iterator[Stream]:
        stream = self.ask(path)
        try:
            assert stream.answer.status == 200, stream.answer.read()
            yield stream
        finally:
            stream.leave()


def page_of(user: User, port: int) -> Page:
    client = Client()
    client.force_login(user)
    cookies = "; ".join(f"{name}={each.value}" for name, each in client.cookies.items())
    return Page(port, cookies)
