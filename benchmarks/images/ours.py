"""The library at work: from verified uploads to ready variants, by real workers on a durable
Postgres. Imported once Django is set up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rindle_django import UploadTicket, initiate_upload, sign_upload, verify_upload
from rindle_django.models import Asset, StoredObject
from rindle_django.storage import adapter_for

LOOK_EVERY = 0.01
PATIENCE = 600.0
# Until a worker has begun to listen; what it loads for its first photo is not timed either.
SETTLING = 3.0


@contextmanager
def workers(processes: int, log: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "django", "procrastinate", "worker", "--concurrency", "1"]
    with log.open("ab") as out:
        running = [
            subprocess.Popen(command, env={**os.environ}, stdout=out, stderr=out)
            for _ in range(processes)
        ]
    try:
        time.sleep(SETTLING)
        yield
    finally:
        for each in running:
            each.terminate()
        for each in running:
            each.wait()


def seconds_for(photos: Sequence[Path]) -> float:
    """From the first verification until all variants of all photos are ready."""
    tickets = [_arrived(photo) for photo in photos]
    identities = [ticket.asset_id for ticket in tickets]
    began = time.perf_counter()
    for ticket in tickets:
        verify_upload(ticket.ticket)
    while Asset.objects.filter(pk__in=identities, state="ready").count() < len(photos):
        if time.perf_counter() - began > PATIENCE:
            raise RuntimeError("the photos do not become ready: see the workers' log")
        time.sleep(LOOK_EVERY)
    return time.perf_counter() - began


def _arrived(photo: Path) -> UploadTicket:
    size = photo.stat().st_size
    ticket = initiate_upload(
        "benchmark-photo", filename=photo.name, content_type="image/jpeg", byte_size=size
    )
    sign_upload(ticket.ticket)
    staging = StoredObject.objects.get(asset_id=ticket.asset_id, purpose="staging")
    with photo.open("rb") as stream:
        adapter_for(staging.storage).put_stream(
            staging.key,
            iter(lambda: stream.read(1 << 20), b""),
            length=size,
            content_type="image/jpeg",
            limit=size,
        )
    return ticket
