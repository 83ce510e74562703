"""moto's S3 behind real HTTP: enough for the flow of things, as it verifies no signature,
length, type or checksum."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from moto.server import ThreadedMotoServer

from tests.servers.endpoint import S3Endpoint


@contextmanager
def running_moto() -> Iterator[S3Endpoint]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Endpoint(f"http://{host}:{port}", "moto-key", "moto-secret")
    finally:
        server.stop()
