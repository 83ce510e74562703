"""A proxy before an S3 server that misbehaves on demand: refuses, stalls, loses answers.

Each fault is a rule with a condition; requests that no rule matches pass unchanged.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.servers.endpoint import S3Endpoint

HOP_HEADERS = frozenset({"connection", "transfer-encoding", "keep-alive", "server", "date"})


@dataclass(frozen=True)
class Answer:
    """``promised`` is the Content-Length sent, where it is not that of ``body``."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None


@dataclass(frozen=True)
class Exchange:
    """One request on its way; ``forward`` sends it on and returns the server's answer."""

    method: str
    path: str
    headers: dict[str, str]
    forward: Callable[[], Answer]


Fault = Callable[[Exchange], Answer | None]
"""Answers the exchange itself; None cuts the connection."""


def error(status: int, code: str) -> Fault:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return lambda _: Answer(status, body, {"Content-Type": "application/xml"})


def lose_answer(exchange: Exchange) -> Answer | None:
    """The server does it, and nobody hears."""
    exchange.forward()
    return None


def cut_short(exchange: Exchange) -> Answer:
    whole = exchange.forward()
    half = whole.body[: len(whole.body) // 2]
    return replace(whole, body=half, promised=len(whole.body))


def stall(seconds: float) -> Fault:
    def wait(exchange: Exchange) -> None:
        time.sleep(seconds)

    return wait


@dataclass
class Rule:
    fault: Fault
    applies: Callable[[Exchange], bool]
    times: int | None


class FaultyServer:
    """``endpoint`` is where clients go; ``fail`` says how they fare."""

    def __init__(self, upstream: S3Endpoint) -> None:
        self._upstream = urlsplit(upstream.url)
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.endpoint = S3Endpoint(
            f"http://127.0.0.1:{self._server.server_port}",
            upstream.access_key,
            upstream.secret_key,
        )

    def fail(
        self,
        fault: Fault,
        *,
        when: Callable[[Exchange], bool] = lambda _: True,
        times: int | None = None,
    ) -> None:
        """Let ``fault`` befall the next ``times`` matching requests; None: all of them."""
        self._rules.append(Rule(fault, when, times))

    def heal(self) -> None:
        self._rules.clear()

    def _answer(self, exchange: Exchange) -> Answer | None:
        rule = self._matching(exchange)
        return rule.fault(exchange) if rule else exchange.forward()

    def _matching(self, exchange: Exchange) -> Rule | None:
        with self._lock:
            for rule in self._rules:
                if rule.times != 0 and rule.applies(exchange):
                    rule.times = None if rule.times is None else rule.times - 1
                    return rule
        return None

    def _forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        connection = http.client.HTTPConnection(self._upstream.netloc, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), dict(answer.getheaders()))
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        faulty = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                if self.headers.get("Expect") == "100-continue":
                    self.send_response_only(100)
                    self.end_headers()
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {key: value for key, value in self.headers.items() if key != "Expect"}
                exchange = Exchange(
                    self.command,
                    self.path,
                    headers,
                    lambda: faulty._forward(self.command, self.path, headers, body),
                )
                answer = faulty._answer(exchange)
                if answer is not None:
                    self.reply(answer)
                self.close_connection = answer is None or answer.promised is not None

            def reply(self, answer: Answer) -> None:
                self.send_response_only(answer.status)
                for key, value in answer.headers.items():
                    if key.lower() not in HOP_HEADERS | {"content-length"}:
                        self.send_header(key, value)
                is_head = self.command == "HEAD"  # announces what it does not send
                length = answer.headers.get("Content-Length") if is_head else answer.promised
                self.send_header("Content-Length", str(length or len(answer.body)))
                self.end_headers()
                if not is_head:
                    self.wfile.write(answer.body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Nothing: a test's output is for the test."""

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

        return Handler

    @contextmanager
    def running(self) -> Iterator[FaultyServer]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
