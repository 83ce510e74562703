"""A proxy before an S3 server that misbehaves on demand: refuses, stalls, loses answers.

Each fault is a rule with a condition; requests that no rule matches pass unchanged.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

from tests.servers.endpoint import S3Endpoint

HOP_HEADERS = frozenset({"connection", "transfer-encoding", "keep-alive", "server", "date"})


@dataclass(frozen=True)
class Answer:
    """``promised`` is the Content-Length sent, where it is not that of ``body``; ``rate`` how many
    bytes of it a second."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None
    rate: int | None = None


@dataclass(frozen=True)
class Exchange:
    """One request on its way; ``forward`` sends it on, as it is or with another body, and returns
    the server's answer."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: socket.socket
    forward: Callable[..., Answer]


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


def reset(exchange: Exchange) -> None:
    """The server does nothing, and the connection ends as if its machine had been restarted."""
    linger_not = struct.pack("ii", 1, 0)
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
    os.close(exchange.connection.detach())


def dribble(rate: int) -> Fault:
    """The whole answer, at ``rate`` bytes a second: never silent, never done."""
    return lambda exchange: replace(exchange.forward(), rate=rate)


def delete_all_but(*suffixes: str) -> Fault:
    """Answer a DeleteObjects in part: errors for the keys that end so, which stay."""

    def delete(exchange: Exchange) -> Answer:
        asked = re.findall(rb"<Object>.*?<Key>(.*?)</Key>.*?</Object>", exchange.body, re.DOTALL)
        kept = [key for key in asked if key.endswith(tuple(each.encode() for each in suffixes))]
        body = exchange.body
        for key in kept:
            pattern = rb"<Object>(?:(?!</Object>).)*<Key>%s</Key>.*?</Object>" % re.escape(key)
            body = re.sub(pattern, b"", body, flags=re.DOTALL)
        done = exchange.forward(body) if b"<Object>" in body else Answer(200, b"<DeleteResult/>")
        errors = b"".join(
            b"<Error><Key>%s</Key><Code>InternalError</Code><Message>no</Message></Error>" % key
            for key in kept
        )
        whole = b"<DeleteResult>" + b"".join(re.findall(rb"<Deleted>.*?</Deleted>", done.body))
        return Answer(200, whole + errors + b"</DeleteResult>", {"Content-Type": "application/xml"})

    return delete


def stall(seconds: float) -> Fault:
    def wait(exchange: Exchange) -> None:
        time.sleep(seconds)

    return wait


@dataclass
class Rule:
    """``struck`` counts the requests that it befell: a fault that never did proves nothing."""

    fault: Fault
    applies: Callable[[Exchange], bool]
    times: int | None
    spared: int = 0
    struck: int = 0

    def befalls(self, exchange: Exchange) -> bool:
        if self.struck == self.times or not self.applies(exchange):
            return False
        if self.spared:
            self.spared -= 1
            return False
        self.struck += 1
        return True


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up half-way is what some tests are about; anything else is told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class FaultyServer:
    """``endpoint`` is where clients go; ``fail`` says how they fare."""

    def __init__(self, upstream: S3Endpoint) -> None:
        self._upstream = urlsplit(upstream.url)
        self._rules: list[Rule] = []
        self.reading_rate: int | None = None  # bytes of a request's body that are taken a second
        self._lock = threading.Lock()
        self._server = _Listener(("127.0.0.1", 0), type("Handler", (Handler,), {"faulty": self}))
        # Narrow, so that a body that is taken slowly is also sent slowly.
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
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
        spared: int = 0,
    ) -> Rule:
        """Let ``fault`` befall the next ``times`` matching requests, after some that are
        ``spared``; None: all of them."""
        self._rules.append(rule := Rule(fault, when, times, spared))
        return rule

    def heal(self) -> None:
        self._rules.clear()
        self.reading_rate = None

    def _answer(self, exchange: Exchange) -> Answer | None:
        rule = self._matching(exchange)
        return rule.fault(exchange) if rule else exchange.forward()

    def _matching(self, exchange: Exchange) -> Rule | None:
        with self._lock:
            for rule in self._rules:
                if rule.befalls(exchange):
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


class Handler(BaseHTTPRequestHandler):
    """One connection to a ``FaultyServer``."""

    faulty: ClassVar[FaultyServer]
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        length = int(self.headers.get("Content-Length") or 0)
        body = self.received(length)
        if len(body) < length:  # the client gave up in the midst of it
            self.close_connection = True
            return
        headers = {key: value for key, value in self.headers.items() if key != "Expect"}

        def forward(changed: bytes | None = None) -> Answer:
            sent, terms = body, headers
            if changed is not None:
                sent, terms = changed, {**headers, "Content-Length": str(len(changed))}
            return self.faulty._forward(self.command, self.path, terms, sent)

        exchange = Exchange(self.command, self.path, headers, body, self.connection, forward)
        answer = self.faulty._answer(exchange)
        self.close_connection = answer is None or answer.promised is not None
        if answer is not None:
            with suppress(ConnectionError):  # the client may have lost its patience
                self.reply(answer)

    def received(self, length: int) -> bytes:
        parts = list[bytes]()
        while length > 0 and (part := self.rfile.read(min(length, 1 << 14))):
            parts.append(part)
            length -= len(part)
            if self.faulty.reading_rate is not None:
                time.sleep(len(part) / self.faulty.reading_rate)
        return b"".join(parts)

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
            self.send(answer)

    def send(self, answer: Answer) -> None:
        step = len(answer.body) if answer.rate is None else max(1, answer.rate // 20)
        for start in range(0, len(answer.body), step or 1):
            self.wfile.write(answer.body[start : start + step])
            if answer.rate is not None:
                time.sleep(step / answer.rate)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: a test's output is for the test."""

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815
