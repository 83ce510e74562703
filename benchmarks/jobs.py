"""How many jobs a second workers get through that find nothing to do, beside tasks that do nothing.

    python -m benchmarks.jobs --scale smoke

The same worker processes take turns with both, from a durable Postgres. The time is the database's,
from the first job that was started to the last one that ended: no start of a process is in it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from procrastinate.types import JSONDict

from benchmarks.parts import hand_in, parse
from benchmarks.upkeep.ground import durable_ground

PROCESSES = 2
QUEUES = "rindle_process,benchmarks_nothing"
WARM_UP = 100
PATIENCE = 120.0

LEFT = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
NOT_DONE = "SELECT count(*) FROM procrastinate_jobs WHERE id > %s AND status <> 'succeeded'"
TOOK = """
SELECT extract(epoch FROM max(at) FILTER (WHERE type = 'succeeded')
                        - min(at) FILTER (WHERE type = 'started'))
FROM procrastinate_events WHERE job_id > %s
"""
READY_VARIANTS = """
WITH assets AS (
    INSERT INTO rindle_asset (id, state, profile, storage, actor, kind, filename, content_type,
        sha256, reason_code, reason, fence, attempts, max_attempts, metadata, traceparent)
    SELECT id, 'ready', 'upkeep', 'default', '', 'image', 'a.jpg', 'image/jpeg', '', '', '', 0, 0,
        3, '{}', ''
    FROM unnest(%(ids)s) AS id
), objects AS (
    INSERT INTO rindle_storedobject (id, state, purpose, storage, key, asset_id, reason_code,
        reason, sha256, confirmation, content_type, attempts)
    SELECT id, 'present', 'variant', 'default', 'variants/' || id, id, '', '', '', '', '', 0
    FROM unnest(%(ids)s) AS id
)
INSERT INTO rindle_variant (id, state, name, kind, recipe_digest, published_digest, content_type,
    asset_id, object_id, reason_code, reason, fence, attempts, max_attempts)
SELECT id, 'ready', 'thumb', 'image', 'd', 'd', 'image/webp', id, id, '', '', 0, 0, 5
FROM unnest(%(ids)s) AS id
"""


def main() -> None:
    options = parse("jobs")
    rounds, each = (3, 300) if options.smoke else (7, 2000)
    with durable_ground() as folder:
        identities = _ready_variants(each)
        with _workers(folder / "workers.log"):
            for enqueue in (_ours, _plain):
                _rate(enqueue, identities[:WARM_UP])
            rates = [(_rate(_ours, identities), _rate(_plain, identities)) for _ in range(rounds)]
    hand_in(
        options,
        {"jobs.noop": [ours / plain for ours, plain in rates]},
        {
            "ours, jobs/s": statistics.median(ours for ours, _ in rates),
            "Procrastinate's, jobs/s": statistics.median(plain for _, plain in rates),
            "jobs a turn": float(each),
            "worker processes": float(PROCESSES),
        },
    )


def _ready_variants(count: int) -> list[str]:
    """The ids of assets, each with a variant that is ready."""
    from django.db import connection, transaction

    identities = [uuid.uuid4() for _ in range(count)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # past the guards
        cursor.execute(READY_VARIANTS, {"ids": identities})
    return [str(each) for each in identities]


def _ours(identities: list[str]) -> None:
    from rindle_django import jobs

    jobs.enqueue_many(
        jobs.PROCESS, [{"asset_id": each, "variant_name": "thumb"} for each in identities]
    )


def _plain(identities: list[str]) -> None:
    from benchmarks.upkeep.tasks import nothing

    calls: list[JSONDict] = [{"asset_id": each, "variant_name": "thumb"} for each in identities]
    nothing.batch_defer(*calls)


def _rate(enqueue: Callable[[list[str]], None], identities: list[str]) -> float:
    """Jobs a second."""
    from rindle_django.models import Variant

    mark = _scalar("SELECT coalesce(max(id), 0) FROM procrastinate_jobs")
    enqueue(identities)
    began = time.monotonic()
    while _scalar(LEFT):
        if time.monotonic() - began > PATIENCE:
            raise RuntimeError("the jobs do not come to an end")
        time.sleep(0.05)
    assert _scalar(NOT_DONE, mark) == 0
    assert not Variant.objects.exclude(state="ready", attempts=0).exists()
    return len(identities) / _scalar(TOOK, mark)


def _scalar(query: str, *parameters: float) -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return float(cursor.fetchone()[0])


@contextmanager
def _workers(log: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "django", "procrastinate", "worker", f"--queues={QUEUES}"]
    with log.open("ab") as out:
        running = [
            subprocess.Popen(command, env={**os.environ}, stdout=out, stderr=out)
            for _ in range(PROCESSES)
        ]
        try:
            _wait_for_workers()
            yield
        finally:
            for each in running:
                each.terminate()
            for each in running:
                each.wait()


def _wait_for_workers() -> None:
    began = time.monotonic()
    while _scalar("SELECT count(*) FROM procrastinate_workers") < PROCESSES:
        if time.monotonic() - began > PATIENCE:
            raise RuntimeError("the workers do not begin")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
