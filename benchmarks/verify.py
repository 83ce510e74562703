"""What a verification costs: round trips to Postgres, and time beside the least that could do.

    python -m benchmarks.verify --scale smoke

The round trips are counted on the wire, by libpq's own trace: whatever the server answers with
``ReadyForQuery`` was one, a BEGIN and a COMMIT as much as a SELECT.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.parts import hand_in, parse
from benchmarks.upkeep.ground import durable_ground

CONTENT = b"\xff\xd8\xff\xe0" + bytes(1000)
WARM_UP = 20

TABLE = "CREATE TABLE benchmarks_note (id bigserial PRIMARY KEY, asset text, at timestamptz)"


def main() -> None:
    options = parse("verify")
    rounds, each = (3, 40) if options.smoke else (9, 200)
    with durable_ground():
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(TABLE)
        _turns(WARM_UP)
        trips = [_round_trips() for _ in range(3)]
        medians = [_turns(each) for _ in range(rounds)]
    samples = {
        "verify.round_trips": [float(sum(trip.values())) for trip in trips],
        "verify.time": [ours / bare for ours, bare in medians],
    }
    details: dict[str, float | str] = {
        f"round trips: {kind}": float(count) for kind, count in sorted(trips[-1].items())
    }
    details["verify_upload, ms"] = statistics.median(ours for ours, _ in medians) * 1000
    details["insert and defer, ms"] = statistics.median(bare for _, bare in medians) * 1000
    hand_in(options, samples, details)


def _turns(count: int) -> tuple[float, float]:
    """The medians, in seconds, of verifications and of what they are compared with, in turn."""
    from rindle_django import verify_upload

    ours, bare = [], []
    for ticket in [arrived() for _ in range(count)]:
        ours.append(_seconds(lambda ticket=ticket: verify_upload(ticket)))  # type: ignore[misc]
        bare.append(_seconds(insert_and_defer))
    return statistics.median(ours), statistics.median(bare)


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def insert_and_defer() -> None:
    from django.db import connection, transaction

    from benchmarks.upkeep.tasks import nothing

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO benchmarks_note (asset, at) VALUES (%s, now())", ["one"])
        nothing.defer(asset_id="one", variant_name="thumb")


def arrived() -> str:
    """The ticket of an upload whose bytes are in the storage."""
    from rindle_django import initiate_upload, sign_upload
    from rindle_django.models import StoredObject
    from rindle_django.storage import adapter_for

    begun = initiate_upload(
        "upkeep", filename="a.jpg", content_type="image/jpeg", byte_size=len(CONTENT)
    )
    sign_upload(begun.ticket)
    staging = StoredObject.objects.get(asset_id=begun.asset_id, purpose="staging")
    adapter_for(staging.storage).put_stream(
        staging.key,
        iter([CONTENT]),
        length=len(CONTENT),
        content_type="image/jpeg",
        limit=len(CONTENT),
    )
    return begun.ticket


def _round_trips() -> Counter[str]:
    """How many there are for one verification, by their kind."""
    from rindle_django import verify_upload

    ticket = arrived()
    with _traced() as lines:
        verify_upload(ticket)
    sent = [kind for line in lines if (kind := _kind_of(line))]
    answered = sum(1 for line in lines if line.split("\t")[2:3] == ["ReadyForQuery"])
    assert len(sent) == answered, (sent, answered)
    return Counter(sent)


def _kind_of(line: str) -> str | None:
    """What a line of the trace asks the server for an answer by, or None: the first word of a plain
    statement, or the end of the messages by which others are prepared, bound and executed."""
    sender, _, message, *rest = line.split("\t")
    if sender != "F" or message not in ("Query", "Sync"):
        return None
    return "PREPARED" if message == "Sync" else rest[0].split('"', 1)[1].split()[0].strip('";')


@contextmanager
def _traced() -> Iterator[list[str]]:
    """The messages on Django's connection, once the block is left."""
    from django.db import connection
    from psycopg import pq

    connection.ensure_connection()
    assert connection.connection is not None
    channel, lines = connection.connection.pgconn, list[str]()
    with tempfile.TemporaryFile("w+") as log:
        channel.trace(log.fileno())
        channel.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield lines
        finally:
            channel.untrace()
        log.seek(0)
        lines.extend(line for line in log.read().split("\n") if line.count("\t") >= 2)


if __name__ == "__main__":
    main()
