"""How many rows a second the maintenance gets through, and what memory it takes for that.

    python -m benchmarks.rows --scale smoke

On a durable Postgres with its settings as they come. The full scale is a million rows where that
takes a minute or so, and fewer where it takes longer. Beside each figure is told how fast the same
writes are in bare SQL, in the same run: what indexes, triggers and the log take, nobody can save.
The processor time is the database process's alone, whatever else the machine is busy with.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.memory import forget_peak, resident_mb
from benchmarks.parts import Options, hand_in, parse
from benchmarks.rows import bare, seeds
from benchmarks.upkeep.ground import durable_ground

RECONCILE_LIMIT = 5_000
SMOKE = 20_000
BARE = 100_000  # in one transaction: more of them would be no faster


@dataclass(frozen=True)
class Operation:
    """``rows`` is how many the full scale has; ``left`` counts what should have moved and
    did not, ``made`` what should be there afterwards, once for each row."""

    key: str
    seed: tuple[str, ...]
    states: dict[str, str]
    work: Callable[[], object]
    same: tuple[str, ...]
    terms: dict[str, str]
    left: tuple[str, ...]
    made: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Took:
    """``database`` is the processor time of the server's process, in seconds; NaN if the server is
    not on this machine."""

    seconds: float
    database: float
    grown: float = 0.0


def main() -> None:
    options = parse("rows")
    with durable_ground():
        _measure(options)


def _measure(options: Options) -> None:
    samples: dict[str, list[float]] = {}
    details: dict[str, float | str] = {"durable": "fsync, full_page_writes and WAL as shipped"}
    growth = 0.0
    for each in _operations():
        rows, fewer = (SMOKE, SMOKE) if options.smoke else (each.rows, BARE)
        details[f"{each.key}: rows"] = float(rows)
        ours = _ours(each, rows)
        least = _bare(each, fewer)
        growth = max(growth, ours.grown)
        samples[each.key] = [rows / ours.seconds]
        details[f"{each.key}: bare SQL, rows/s"] = fewer / least.seconds
        details[f"{each.key}: ours ÷ bare SQL"] = rows / ours.seconds / (fewer / least.seconds)
        details[f"{each.key}: database's CPU, µs a row"] = ours.database / rows * 1e6
        details[f"{each.key}: the same, bare SQL"] = least.database / fewer * 1e6
        details[f"{each.key}: memory, MB"] = ours.grown
    samples["rows.memory"] = [growth]
    hand_in(options, samples, details)


def _ours(each: Operation, rows: int) -> Took:
    seeds.seed(each.seed, rows, **each.states)
    before = resident_mb()
    forget_peak()
    took = _timed(each.work)
    growth = resident_mb("VmHWM") - before
    for query in each.left:
        assert _count(query) == 0, query
    for query in each.made:
        assert _count(query) == rows, query
    return Took(took.seconds, took.database, growth)


def _bare(each: Operation, rows: int) -> Took:
    seeds.seed(each.seed, rows, **each.states)
    return _timed(lambda: bare.run(each.same, **each.terms))


def _timed(work: Callable[[], object]) -> Took:
    spent, began = _database_seconds(), time.perf_counter()
    work()
    return Took(time.perf_counter() - began, _database_seconds() - spent)


def _database_seconds() -> float:
    process = Path(f"/proc/{_count('SELECT pg_backend_pid()')}/stat")
    if not process.exists():
        return float("nan")
    fields = process.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
            rows=200_000,
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
            rows=500_000,
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
            rows=1_000_000,
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
