"""Photos a second by one, two and four worker processes, as far as there are cores for them.

The jobs wait, and are let go all at once: the clock runs from there until every variant is ready.
On a distant storage every call is answered 50 ms later, so that workers mostly wait.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.images import photos
from benchmarks.parts import hand_in, parse
from benchmarks.scaling.distant import DISTANCE
from benchmarks.site import Crew, Ear, arrived, make_variants, running_site, verify, workers

CREWS = (1, 2, 4)
DISTANCES = {"near": 0.0, "50 ms away": 0.05}

# Photos a second by the number of workers, one a round.
Rates = dict[int, list[float]]


def main() -> None:
    options = parse("scaling")
    rounds, count = (1, 4) if options.smoke else (3, 32)
    with running_site("benchmarks.scaling.settings") as folder:
        taken = photos.make(folder / "photos", "12mp", count)
        rates: dict[str, Rates] = {name: {size: [] for size in CREWS} for name in DISTANCES}
        for _ in range(rounds):
            for name, seconds in DISTANCES.items():
                for size in CREWS:
                    with workers(size, folder, {DISTANCE: str(seconds)}) as crew:
                        rates[name][size].append(_rate(crew, taken))
    near, far = (rates[name] for name in DISTANCES)
    hand_in(
        options,
        {
            "scaling.two": _over_one(near, 2),
            "scaling.four": _over_one(near, 4),
            "scaling.slow_four": _over_one(far, 4),
        },
        {
            f"{name}: photos a second by {size}": statistics.median(each[size])
            for name, each in rates.items()
            for size in CREWS
        },
        {
            name: [[size, statistics.median(each[size])] for size in CREWS]
            for name, each in rates.items()
        },
    )


def _over_one(rates: Rates, size: int) -> list[float]:
    return [many / one for many, one in zip(rates[size], rates[1], strict=True)]


def _rate(crew: Crew, taken: Sequence[Path]) -> float:
    make_variants(taken[: 2 * len(crew.processes)], crew)  # loads what the first photo needs
    tickets = [arrived(photo) for photo in taken]
    with Ear() as ear:
        with crew.held():
            identities = [verify(ticket) for ticket in tickets]
            began = time.perf_counter()
        return len(taken) / (ear.all_ready(identities) - began)


if __name__ == "__main__":
    os.environ.pop(DISTANCE, None)  # this process uploads, and is near
    main()
