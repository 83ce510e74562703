"""How fast photos become three JPEG variants, beside everybody else, in one run.

Contenders take turns, with the same photos, outputs and number of processes. The others are called
straight away and keep no promises; ours goes through uploads, jobs and a durable Postgres. Its
clock runs from the first verification of an upload until every variant is ready.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.images import likeness, photos
from benchmarks.images.contenders import CONTENDERS, PEERS
from benchmarks.images.peers import seconds_of
from benchmarks.parts import hand_in, parse
from benchmarks.site import make_variants, running_site, workers

OURS = "rindle-django"
PROCESSES = 2
# What our throughput is divided by.
AGAINST = {
    "large": {
        "over_each": ("vips-each",),
        "over_chained": ("vips-chained",),
        "over_best_peer": PEERS,
    },
    "small": {"over_chained": ("vips-chained",), "over_best_peer": PEERS},
}

# Milliseconds a photo of each contender, one a round.
Times = Mapping[str, Sequence[float]]


def main() -> None:
    options = parse("images")
    counts = {"large": 4, "small": 6} if options.smoke else {"large": 24, "small": 60}
    samples: dict[str, list[float]] = {}
    details: dict[str, float | str] = {}
    with running_site() as folder:
        for which, count in counts.items():
            taken = photos.make(folder / which, which, count)
            times, used = _measure(taken, 1 if options.smoke else 3, folder)
            _tell(which, times)
            samples |= _ratios(which, times)
            details |= {f"{which}.ms.{name}": statistics.median(times[name]) for name in times}
            details |= {f"{which}.cpu_ms.{name}": statistics.median(used[name]) for name in used}
        worst, likenesses = likeness.of_ours(folder / "large", folder)
    samples["images.ssim"] = [worst]
    details |= likenesses
    hand_in(options, samples, details)


def _measure(taken: Sequence[Path], rounds: int, folder: Path) -> tuple[Times, Times]:
    """On the clock, and of processors: of ours also by who used it."""
    times: dict[str, list[float]] = defaultdict(list)
    used: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        with workers(PROCESSES, folder) as crew:
            make_variants(taken[: 2 * PROCESSES], crew)  # loads what the first photo needs
            took = make_variants(taken, crew)
        times[OURS].append(took.seconds)
        for who, seconds in took.used.items():
            used[f"{OURS}, {who}"].append(seconds)
        for name in CONTENDERS:
            seconds, of_processors = seconds_of(name, taken, PROCESSES)
            times[name].append(seconds)
            used[name].append(of_processors)
    return _a_photo(times, len(taken)), _a_photo(used, len(taken))


def _a_photo(times: Times, count: int) -> Times:
    return {name: [seconds / count * 1000 for seconds in each] for name, each in times.items()}


def _ratios(which: str, times: Times) -> dict[str, list[float]]:
    """By round: throughput of ours over that of the fastest of the others."""
    return {
        f"images.{which}.{what}": [
            min(those) / ours
            for ours, *those in zip(times[OURS], *(times[name] for name in others), strict=True)
        ]
        for what, others in AGAINST[which].items()
    }


def _tell(which: str, times: Times) -> None:
    print(f"{which:18} {'ms a photo':>10} {'from':>7} {'to':>7}")
    for name, each in sorted(times.items(), key=lambda item: statistics.median(item[1])):
        print(f"{name:18} {statistics.median(each):10.1f} {min(each):7.1f} {max(each):7.1f}")


if __name__ == "__main__":
    main()
