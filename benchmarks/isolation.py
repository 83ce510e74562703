"""What it costs that files are decoded in a confined process of their own.

The three variants of a photo, made through the decoder process and by the same function called
right here, by turns.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.images import photos
from benchmarks.parts import hand_in, parse
from benchmarks.site import running_site

JPEG = "image/jpeg"
SETS = {"12 MP": "12mp", "1 MP": "small"}


class Took(NamedTuple):
    """Seconds of one photo, on the clock and of processors."""

    wall: float
    cpu: float


# Through the decoder process, and in this one.
Pair = tuple[Took, Took]


def main() -> None:
    options = parse("isolation")
    # As the decoder has it, because workers run side by side: else a second processor would help
    # out here alone.
    os.environ["VIPS_CONCURRENCY"] = "1"
    rounds, count = (1, 6) if options.smoke else (5, 20)
    with running_site() as folder:
        taken = {name: photos.make(folder / which, which, count) for name, which in SETS.items()}
        found = {name: list(_rounds(those, rounds, folder)) for name, those in taken.items()}
        start = _start()
    added = {name: [_added(pairs) for pairs in each] for name, each in found.items()}
    hand_in(
        options,
        {
            "isolation.median": [max(each) for each in zip(*added.values(), strict=True)],
            "isolation.throughput": [_lost(pairs) for pairs in found["12 MP"]],
        },
        {
            **{f"{name}: added, ms": statistics.median(each) for name, each in added.items()},
            **{
                f"{name}: {way}, {what} a photo": _median_ms(
                    pair[at][which] for pairs in found[name] for pair in pairs
                )
                for name in SETS
                for which, what in enumerate(("ms", "ms of processors"))
                for at, way in enumerate(("decoder process", "in this process"))
            },
            "1 MP: taken of the throughput, %": statistics.median(map(_lost, found["1 MP"])),
            "start of a decoder, ms": start,
        },
    )


def _rounds(taken: Sequence[Path], rounds: int, folder: Path) -> Iterator[list[Pair]]:
    _confined(taken[0], folder)
    _here(taken[0], folder)
    for number in range(rounds):
        pairs = []
        for photo in taken:
            # Who comes second finds the caches of the processor warmer.
            if number % 2:
                here = _here(photo, folder)
                pairs.append((_confined(photo, folder), here))
            else:
                pairs.append((_confined(photo, folder), _here(photo, folder)))
        yield pairs


def _added(pairs: Sequence[Pair]) -> float:
    """Milliseconds, as the difference of the medians."""
    return _median_ms(pair[0].wall for pair in pairs) - _median_ms(pair[1].wall for pair in pairs)


def _lost(pairs: Sequence[Pair]) -> float:
    """By how many per cent fewer photos are made in the same time."""
    return (1 - sum(pair[1].wall for pair in pairs) / sum(pair[0].wall for pair in pairs)) * 100


def _median_ms(seconds: Iterator[float]) -> float:
    return statistics.median(seconds) * 1000


def _confined(photo: Path, folder: Path) -> Took:
    from rindle_django.media import images

    began, used = time.perf_counter(), time.process_time()
    outcomes = list(images.render_each(photo, JPEG, _jobs(folder / "confined")))
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    return Took(wall, cpu + sum(each.cpu_seconds or 0.0 for each in _made(outcomes)))


def _here(photo: Path, folder: Path) -> Took:
    from rindle_django.media.backends import backend_named
    from rindle_django.media.limits import Limits
    from rindle_django.media.rendering import Order, render_all

    orders = [Order(recipe, target) for recipe, target in _jobs(folder / "here")]
    backend = backend_named(None)
    began, used = time.perf_counter(), time.process_time()
    outcomes = list(render_all(backend, photo, JPEG, orders, Limits()))
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    _made(outcomes)
    return Took(wall, cpu)


def _jobs(folder: Path) -> list[tuple[Any, Path]]:
    from benchmarks.images.media import BenchmarkPhoto

    folder.mkdir(exist_ok=True)
    return [(recipe, folder / name) for name, recipe in BenchmarkPhoto.variants.items()]


def _made(outcomes: Sequence[tuple[int, Any]]) -> list[Any]:
    """What was rendered; raises what went wrong."""
    for _, outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return [outcome for _, outcome in outcomes]


def _start() -> float:
    """Milliseconds until a new decoder process says that it is ready, the median of a few."""
    from rindle_django.media.decoder import Decoder
    from rindle_django.media.limits import Limits

    times = []
    for _ in range(5):
        began = time.perf_counter()
        decoder = Decoder(Limits().memory_bytes)
        decoder.await_ready()
        times.append((time.perf_counter() - began) * 1000)
        decoder.close()
    return statistics.median(times)


if __name__ == "__main__":
    main()
