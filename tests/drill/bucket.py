"""A bucket on moto's S3, which can be closed and opened again with all that is in it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from moto.server import ThreadedMotoServer

from rindle_django.storage.s3.cors import cors_rule
from tests.servers.endpoint import S3Endpoint

NAME = "drill"
# Where the pages of the example project come from.
ORIGINS = ("https://localhost", "https://127.0.0.1", "https://[::1]", "https://testserver")


@dataclass
class Bucket:
    port: int = 0
    server: Any = None
    endpoint: S3Endpoint = field(init=False)

    def __post_init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.open()
        self.endpoint = S3Endpoint(f"http://127.0.0.1:{self.port}", "drill-key", "drill-secret")
        self.endpoint.client().create_bucket(Bucket=NAME)

    def open(self) -> None:
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()
        _, self.port = self.server.get_host_and_port()

    def close(self) -> None:
        self.server.stop()

    def allow_uploads(self, allowed: bool) -> None:
        client = self.endpoint.client()
        if allowed:
            rules = {"CORSRules": [cors_rule(ORIGINS)]}
            client.put_bucket_cors(Bucket=NAME, CORSConfiguration=rules)  # type: ignore[arg-type]
        else:
            client.delete_bucket_cors(Bucket=NAME)

    def storage(self) -> dict[str, Any]:
        return self.endpoint.storage(NAME, addressing_style="path")
