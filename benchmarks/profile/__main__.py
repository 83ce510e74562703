"""Where a photo's time of processors goes, what it waits for, and what the memory consists of.

    python -m benchmarks.profile --scale smoke

The photos take the way of those of `images`, in turn with and without their processes writing down
stacks: amounts are what the kernel has counted without, shares are from the stacks. What Postgres
plans and executes is by its own count. The names of details begin with
what they belong to: a set of photos, ``verify``, ``timeline`` or ``memory``.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.images.photos import make
from benchmarks.parts import hand_in, parse
from benchmarks.profile import PIXELS, memory, sampling, statements, timeline
from benchmarks.profile.sampling import Stacks, function_of, layer_of, purpose_of, shares
from benchmarks.profile.statements import Statement
from benchmarks.site import Crew, arrived, finish, make_variants, running_site, workers
from benchmarks.verify import TABLE, WARM_UP, insert_and_defer

PROCESSES = 2
TOP = 10
SETTINGS = "benchmarks.profile.settings"

Amounts = dict[str, float]


def main() -> None:
    options = parse("profile")
    counts = {"large": 4, "small": 6} if options.smoke else {"large": 24, "small": 48}
    samples: dict[str, list[float]] = {}
    details: dict[str, float | str] = {}
    with running_site(SETTINGS, statements.SERVER) as folder:
        statements.prepare()
        for which, count in counts.items():
            taken = make(folder / which, which, count)
            found = _photos(taken, 1 if options.smoke else 3, folder, look=not options.smoke)
            samples[f"profile.{which}"] = [sum(found["layer"].values())]
            details |= _named(which, found)
        (huge,) = make(folder / "huge", "small" if options.smoke else "100mp", 1)
        details |= _named("memory", memory.by_package(taken[0], huge, folder))
        few = make(folder / "latency", "12mp", 4 if options.smoke else 20)
        details |= _named("timeline", timeline.steps(few, folder))
        details |= _named("verify", _verifications(taken[0], 40 if options.smoke else 400, folder))
    hand_in(options, samples, details)


def _named(what: str, found: Mapping[str, Amounts]) -> Amounts:
    return {
        f"{what}.{kind}.{name}": amount
        for kind, amounts in found.items()
        for name, amount in amounts.items()
    }


def _photos(taken: Sequence[Path], rounds: int, folder: Path, *, look: bool) -> dict[str, Amounts]:
    """Milliseconds a photo: of processors, by layer, by purpose and by function; and of the clock,
    by statement."""
    used: Amounts = defaultdict(float)
    asked: list[Statement] = []
    stacks: Stacks = Counter()
    for _ in range(rounds):
        with workers(PROCESSES, folder) as crew:
            tickets = _warm(taken, crew)
            before = statements.background_seconds()
            statements.forget()
            for who, seconds in finish(tickets, crew).used.items():
                used[who] += seconds
            asked += statements.seen()
            used["background"] += statements.background_seconds() - before
        if look:
            stacks += _seen(taken, folder)
    photos = len(taken) * rounds
    used = {who: seconds * 1000 / photos for who, seconds in used.items()}
    asked = statements.of_a_photo(asked, photos)

    def by(what: Callable[[Sequence[str]], str]) -> Amounts:
        return _times(used["workers"], shares(stacks, what))

    return {
        "layer": _sorted(by(layer_of) | _elsewhere(used, asked)),
        "purpose": _sorted(by(purpose_of), TOP),
        "function": _sorted(by(function_of), TOP),
        "all": {
            "statements": sum(one.calls for one in asked if one.text not in ("BEGIN", "COMMIT")),
            "jobs": sum(one.calls for one in asked if "procrastinate_finish_job" in one.text),
        },
        "statement": {one.text: one.clock for one in asked[:TOP]},
        "sent": {one.text: one.calls for one in asked[:TOP]},
    }


def _seen(taken: Sequence[Path], folder: Path) -> Stacks:
    """Of the workers, in a round of its own."""
    with workers(PROCESSES, folder, {"BENCHMARK_STACKS": str(folder)}) as crew:
        tickets = _warm(taken, crew)
        with sampling.watched(folder, [each.pid for each in crew.processes]) as seen:
            finish(tickets, crew)
        return sum(seen, Counter())


def _warm(taken: Sequence[Path], crew: Crew) -> list[str]:
    """What the first photo needs is loaded, and all have arrived."""
    make_variants(taken[: 2 * PROCESSES], crew)
    return [arrived(photo) for photo in taken]


def _elsewhere(used: Amounts, asked: Sequence[Statement]) -> Amounts:
    """What is not the workers' Python."""
    planning = sum(one.planning for one in asked)
    executing = sum(one.executing for one in asked)
    answering = used["Postgres"] - used["background"] - planning - executing
    return {
        PIXELS: used["decoders"],
        "the caller: verifying, and listening for the end": used["callers"],
        "Postgres: planning": planning,
        "Postgres: executing": executing,
        "Postgres: parsing, committing, answering": max(answering, 0.0),
        "Postgres: checkpoints, WAL writer, vacuum": used["background"],
    }


def _verifications(photo: Path, count: int, folder: Path) -> dict[str, Amounts]:
    """Milliseconds of a verification, and of the bare transaction, by layer."""
    from django.db import connection, connections

    with connection.cursor() as cursor:
        cursor.execute(TABLE)
    _in_turns(photo, WARM_UP)
    clocks = _in_turns(photo, count)
    connections.close_all()  # it is not shared with a child
    stacks = sampling.of_a_child(folder, lambda: _in_turns(photo, count))
    found = {}
    for name, (clock, used) in clocks.items():
        seen = sampling.within(stacks, name)
        waiting = {"waiting for Postgres and its disk": clock - used}
        found[name] = _sorted(_times(used, shares(seen, layer_of)) | waiting)
    return found


def _in_turns(photo: Path, count: int) -> dict[str, tuple[float, float]]:
    """Median milliseconds by the clock, and of processors, by the name of a function."""
    from rindle_django import verify_upload

    took: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for ticket in [arrived(photo) for _ in range(count)]:
        took[verify_upload.__name__].append(_timed(lambda ticket=ticket: verify_upload(ticket)))  # type: ignore[misc]
        took[insert_and_defer.__name__].append(_timed(insert_and_defer))
    return {
        name: (statistics.median(clock), statistics.median(used))
        for name, times in took.items()
        for clock, used in [zip(*times, strict=True)]
    }


def _timed(action: Callable[[], object]) -> tuple[float, float]:
    clock, used = time.perf_counter(), time.thread_time()
    action()
    return (time.perf_counter() - clock) * 1000, (time.thread_time() - used) * 1000


def _times(amount: float, found: Amounts) -> Amounts:
    return {name: amount * share for name, share in found.items()}


def _sorted(amounts: Amounts, most: int | None = None) -> Amounts:
    """What is most first."""
    return dict(sorted(amounts.items(), key=lambda item: -item[1])[:most])


if __name__ == "__main__":
    main()
