"""``python -m tests.durability.crashpoints``: die at every boundary, recover, judge."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Lock

from tests.durability.crashpoints.experiments import (
    MODES,
    Experiment,
    Outcome,
    enumerated,
    second_order,
)
from tests.durability.crashpoints.report import Report
from tests.durability.crashpoints.shards import STORAGES, Shard, running

STORY = "tests.durability.crashpoints.story.a_photos_life"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.durability.crashpoints")
    parser.add_argument("--storage", choices=STORAGES, default="filesystem")
    parser.add_argument("--jobs", type=int, default=2, help="benches at once")
    parser.add_argument("--only", type=_range, default=range(1, 1 << 30), help="points N..M")
    parser.add_argument("--every", type=int, default=1, help="only every so manieth point")
    parser.add_argument("--modes", type=_modes, default=["kill"], help=",".join(MODES))
    parser.add_argument(
        "--second-order", type=int, default=0, help="kill each recovery at so many points, too"
    )
    parser.add_argument("--story", default=STORY, help="import path of the life to cut short")
    parser.add_argument("--list", action="store_true", help="only number the boundaries")
    return parser.parse_args()


def _range(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def _modes(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(MODES):
        raise argparse.ArgumentTypeError(f"no such mode: {', '.join(unknown)}")
    return chosen


def main() -> int:
    chosen = arguments()
    with running(chosen.jobs, storage=chosen.storage, story=chosen.story) as shards:
        recorded = shards[0].conduct(Experiment())
        if recorded.violations:
            print("The life without faults:", *recorded.violations, sep="\n    ")
            return 2
        if chosen.list:
            _list(recorded)
            return 0
        report = Report(recorded.crossed)
        todo = list(enumerated(recorded.crossed, chosen.modes, chosen.only, chosen.every))
        _conduct_all(shards, todo, report, chosen.second_order)
    report.print_table()
    print(report.last_line())
    return 1 if report.violations or not todo else 0


def _list(recorded: Outcome) -> None:
    for number, (name, when, where) in enumerate(recorded.crossed, 1):
        print(f"{number:4} {when:6} {name:20} {where}")


def _conduct_all(
    shards: Sequence[Shard], experiments: Sequence[Experiment], report: Report, times: int
) -> None:
    todo: SimpleQueue[Experiment] = SimpleQueue()
    for experiment in experiments:
        todo.put(experiment)
    telling = Lock()

    def serve(shard: Shard) -> None:
        while (experiment := _next(todo)) is not None:
            outcome = shard.conduct(experiment)
            with telling:
                report.add(experiment, outcome)
            if times and experiment.second is None and not outcome.violations:
                for again in second_order(experiment, len(outcome.crossed), times):
                    todo.put(again)

    with ThreadPoolExecutor(len(shards)) as pool:
        for done in [pool.submit(serve, shard) for shard in shards]:
            done.result()


def _next(todo: SimpleQueue[Experiment]) -> Experiment | None:
    try:
        return todo.get_nowait()
    except Empty:
        return None


if __name__ == "__main__":
    sys.exit(main())
