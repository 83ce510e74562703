"""Benches side by side: each a process with a database, a folder, perhaps a bucket of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg import sql

from example_project.services.locks import claim_number
from example_project.services.postgres import ensure_postgres
from tests.durability.crashpoints.experiments import Experiment, Outcome
from tests.servers.endpoint import S3Endpoint
from tests.servers.moto import running_moto
from tests.servers.rgw import running_rgw

ROOT = Path(__file__).resolve().parents[3]
VAR = ROOT / "var" / "tests"
STORAGES = ("filesystem", "s3", "rgw")


class Shard:
    """One bench, asked from here."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def conduct(self, experiment: Experiment) -> Outcome:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(experiment)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a bench ended with {self._process.wait()}")
        return Outcome(**json.loads(line))


@contextmanager
def running(number: int, *, storage: str, story: str) -> Iterator[Sequence[Shard]]:
    """So many shards on a server that is started if need be."""
    server = ensure_postgres(VAR / "postgres", durable=False)
    claimed = claim_number(VAR / "crashpoints")
    with ExitStack() as stack:
        endpoint = stack.enter_context(_endpoint(storage))
        yield [
            stack.enter_context(_shard(server, f"rindle_crash_{claimed}_{each}", endpoint, story))
            for each in range(number)
        ]


@contextmanager
def _endpoint(storage: str) -> Iterator[S3Endpoint | None]:
    if storage == "filesystem":
        yield None
        return
    with running_moto() if storage == "s3" else running_rgw() as endpoint:
        yield endpoint


@contextmanager
def _shard(server: str, name: str, endpoint: S3Endpoint | None, story: str) -> Iterator[Shard]:
    with (
        _database(server, name) as url,
        tempfile.TemporaryDirectory(prefix="rindle-crash-") as folder,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.durability.crashpoints.shard", story],
            cwd=ROOT,
            env={**os.environ, **_environment(url, folder, endpoint)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Shard(process)
        finally:
            process.communicate()  # the end of its input is the end of its work


def _environment(url: str, folder: str, endpoint: S3Endpoint | None) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "tests.durability.crashpoints.settings",
        "RINDLE_CRASH_FOLDER": folder,
        "RINDLE_CRASH_S3": json.dumps(_bucket_on(endpoint)) if endpoint else "",
    }


def _bucket_on(endpoint: S3Endpoint) -> dict[str, Any]:
    name = f"rindle-{uuid4().hex[:16]}"
    endpoint.client().create_bucket(Bucket=name)
    return endpoint.storage(name)


@contextmanager
def _database(server: str, name: str) -> Iterator[str]:
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(drop)
