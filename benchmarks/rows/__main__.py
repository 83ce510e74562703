"""How many rows a second the maintenance gets through, and what memory it takes for that.

    python -m benchmarks.rows --scale smoke

On a durable Postgres with its settings as they come. Beside each figure is told how fast the same
writes are in bare SQL, on the same rows and turn about: what indexes, triggers and the log take,
nobody can save. The processor time is that of the server's processes and of this one, whatever else
the machine is busy with.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks.memory import forget_peak, resident_mb
from benchmarks.parts import Options, hand_in, parse
from benchmarks.rows import bare, seeds
from benchmarks.upkeep.ground import durable_ground

RECONCILE_LIMIT = 100_000
ROWS = 200_000
SMOKE = 20_000
ROUNDS = 3
SMOKE_ROUNDS = 1


@dataclass(frozen=True)
class Operation:
    """``left`` counts what should have moved and did not, ``made`` what should be there
    afterwards, once for each row."""

    key: str
    seed: tuple[str, ...]
    states: dict[str, str]
    work: Callable[[], object]
    same: tuple[str, ...]
    terms: dict[str, str]
    left: tuple[str, ...]
    made: tuple[str, ...]


@dataclass(frozen=True)
class Took:
    """``database`` and ``own`` are processor time in seconds, of the server's processes and of this
    one; NaN if the server is not on this machine."""

    seconds: float
    database: float
    own: float
    grown: float = 0.0


def main() -> None:
    options = parse("rows")
    with durable_ground():
        _measure(options)


def _measure(options: Options) -> None:
    rows, rounds = (SMOKE, SMOKE_ROUNDS) if options.smoke else (ROWS, ROUNDS)
    samples: dict[str, list[float]] = {}
    details: dict[str, float | str] = {
        "durable": "fsync, full_page_writes and WAL as shipped",
        "rows": float(rows),
    }
    growth: list[float] = []
    for each in _operations():
        seeds.seed(each.seed, rows, **each.states)
        seeds.keep()
        taken = [(_ours(each, rows), _bare(each)) for _ in range(rounds)]
        samples[each.key] = [rows / ours.seconds for ours, _ in taken]
        growth.extend(ours.grown for ours, _ in taken)
        details |= _beside_it(each.key, rows, taken)
    samples["rows.memory"] = [max(growth)]
    hand_in(options, samples, details)


def _beside_it(key: str, rows: int, taken: Sequence[tuple[Took, Took]]) -> dict[str, float | str]:
    bare_rates = sorted(rows / least.seconds for _, least in taken)
    return {
        f"{key}: bare SQL, rows/s": median(bare_rates),
        f"{key}: bare SQL, lowest and highest": f"{bare_rates[0]:.0f} to {bare_rates[-1]:.0f}",
        f"{key}: ours ÷ bare SQL": median(least.seconds / ours.seconds for ours, least in taken),
        f"{key}: database's CPU, µs a row": median(ours.database for ours, _ in taken) / rows * 1e6,
        f"{key}: the same, bare SQL": median(least.database for _, least in taken) / rows * 1e6,
        f"{key}: Python's CPU, µs a row": median(ours.own for ours, _ in taken) / rows * 1e6,
        f"{key}: memory, MB": max(ours.grown for ours, _ in taken),
    }


def _ours(each: Operation, rows: int) -> Took:
    seeds.restore()
    _count("SELECT 1")  # the connection is not to be timed
    before = resident_mb()
    forget_peak()
    took = _timed(each.work)
    growth = resident_mb("VmHWM") - before
    for query in each.left:
        assert _count(query) == 0, query
    for query in each.made:
        assert _count(query) == rows, query
    return replace(took, grown=growth)


def _bare(each: Operation) -> Took:
    seeds.restore()
    return _timed(lambda: bare.run(each.same, **each.terms))


def _timed(work: Callable[[], object]) -> Took:
    database, own, began = _database_seconds(), time.process_time(), time.perf_counter()
    work()
    seconds, own = time.perf_counter() - began, time.process_time() - own
    time.sleep(0.5)  # until what served a connection that is closed has been counted
    return Took(seconds, _database_seconds() - database, own)


def _database_seconds() -> float:
    """Of all the server's processes, those that have ended included."""
    server = _stat(f"{_count('SELECT pg_backend_pid()')}").get("parent", 0)
    if not server:
        return float("nan")
    running = [_stat(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
    ticks = sum(each["used"] for each in running if each.get("parent") == server)
    return (ticks + _stat(str(server))["left"]) / os.sysconf("SC_CLK_TCK")


def _stat(process: str) -> dict[str, int]:
    """Whose child a process is, and what it and its own children that have ended used."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return {}
    parent, used, system, left, left_system = (
        int(text.rsplit(")", 1)[1].split()[at]) for at in (1, 11, 12, 13, 14)
    )
    return {"parent": parent, "used": used + system, "left": left + left_system}


def _count(query: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def _operations() -> list[Operation]:
    return [
        Operation(
            "rows.cleanup",
            seeds.UPLOADS,
            {"asset_state": "staged", "session_state": "expired"},
            _clean_up,
            bare.CLEANUP,
            {
                "subject": "asset",
                "before": "staged",
                "after": "deleted",
                "queue": "rindle_purge",
                "task": "rindle:purge_storage",
            },
            left=(
                "SELECT count(*) FROM rindle_asset WHERE state <> 'deleted' OR wake_at IS NULL",
                "SELECT count(*) FROM rindle_storedobject WHERE state <> 'doomed'",
                "SELECT count(*) FROM rindle_transition WHERE emitted_at IS NULL",
            ),
            made=(
                _told("asset", "staged", "deleted"),
                _queued("rindle:purge_storage"),
            ),
        ),
        Operation(
            "rows.abort",
            seeds.UPLOADS,
            {"asset_state": "staged", "session_state": "signed"},
            _abort,
            bare.ABORT,
            {"subject": "session", "before": "signed", "after": "expired"},
            left=(
                "SELECT count(*) FROM rindle_uploadsession WHERE state <> 'expired'",
                "SELECT count(*) FROM rindle_transition WHERE emitted_at IS NULL",
            ),
            made=(_told("session", "signed", "expired"),),
        ),
        Operation(
            "rows.reconcile",
            seeds.OUTPUTS,
            {"asset_state": "processing"},
            _reconcile,
            bare.RECONCILE,
            {"queue": "rindle_process", "task": "rindle:process_variant"},
            left=("SELECT count(*) FROM rindle_variant WHERE wake_at <= now()",),
            made=(_queued("rindle:process_variant"),),
        ),
    ]


def _told(subject: str, before: str, after: str) -> str:
    """The question how many rows have a step in their history."""
    return (
        "SELECT count(DISTINCT subject_id) FROM rindle_transition"
        f" WHERE subject = '{subject}' AND from_state = '{before}' AND to_state = '{after}'"
    )


def _queued(task: str) -> str:
    """The question how many assets have a job."""
    return (
        "SELECT count(DISTINCT args ->> 'asset_id') FROM procrastinate_jobs"
        f" WHERE task_name = '{task}' AND status = 'todo'"
    )


def _clean_up() -> None:
    from rindle_django.operations.cleanup import cleanup_orphans

    cleanup_orphans(dry_run=False)


def _abort() -> None:
    from rindle_django.operations.cleanup import abort_incomplete_uploads

    abort_incomplete_uploads()


def _reconcile() -> None:
    from rindle_django.operations.reconcile import reconcile

    while reconcile(RECONCILE_LIMIT).variants:
        pass


if __name__ == "__main__":
    main()
