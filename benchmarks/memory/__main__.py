"""The most memory that three variants of a JPEG of 100 megapixels take.

Ours is a worker and its decoder process together, from the verified upload until all is ready;
beside it, a bare process that makes the same with libvips, decoding once. Both with interpreter
and libraries; what processes share is counted by share (PSS), looked at every few milliseconds.
The kernel's own record of the peak (VmHWM) of each process is told along.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.images import photos
from benchmarks.parts import hand_in, parse
from benchmarks.processes import family, file_of, is_decoder, megabytes
from benchmarks.site import make_variants, running_site, workers

LOOK_EVERY = 0.003


@dataclass
class Watch:
    """Megabytes at the peak. ``of_each`` is the resident set of every process by its kind."""

    together: float = 0.0
    resident: float = 0.0
    of_each: dict[str, float] = field(default_factory=dict)
    looks: int = 0


def main() -> None:
    options = parse("memory")
    ours: list[Watch] = []
    bare: list[Watch] = []
    with running_site() as folder:
        (photo,) = photos.make(folder / "photos", "100mp", 1)
        (small,) = photos.make(folder / "small", "small", 1)
        for _ in range(1 if options.smoke else 5):
            with workers(1, folder) as crew:
                make_variants([small], crew)  # starts the decoder
                with _watched(crew.processes[0].pid) as watch:
                    make_variants([photo], crew)
            ours.append(watch)
            bare.append(_bare(photo, small, folder))
    pairs = list(zip(ours, bare, strict=True))
    hand_in(
        options,
        {"memory.peak": [mine.together / theirs.together for mine, theirs in pairs]},
        {
            "worker and decoder, PSS, MB": _median(ours, lambda each: each.together),
            "bare libvips, PSS, MB": _median(bare, lambda each: each.together),
            "worker and decoder, RSS, MB": _median(ours, lambda each: each.resident),
            "bare libvips, RSS, MB": _median(bare, lambda each: each.resident),
            "worker alone, RSS, MB": _median(ours, lambda each: each.of_each["worker"]),
            "decoder alone, RSS, MB": _median(ours, lambda each: each.of_each["decoder"]),
            "decoder alone over bare libvips": statistics.median(
                mine.of_each["decoder"] / theirs.of_each["worker"] for mine, theirs in pairs
            ),
            "looks at each": min(each.looks for each in ours + bare),
        },
    )


def _median(watches: list[Watch], figure: Callable[[Watch], float]) -> float:
    return statistics.median(figure(each) for each in watches)


def _bare(photo: Path, small: Path, folder: Path) -> Watch:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.images.hand", "vips-chained", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as hand:
        assert hand.stdin is not None
        assert hand.stdout is not None
        hand.stdout.readline()
        with _watched(hand.pid) as watch:
            for each in (small, photo):
                hand.stdin.write(f"{each}\n")
                hand.stdin.flush()
                hand.stdout.readline()
        hand.stdin.close()
    return watch


@contextmanager
def _watched(pid: int) -> Iterator[Watch]:
    """Watch a process and its children."""
    watch, over = Watch(), threading.Event()
    for each in family(pid):  # peaks are of this watch alone
        file_of(each, "clear_refs").write_text("5")

    def look() -> None:
        while not over.wait(LOOK_EVERY):
            _look(pid, watch)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield watch
    finally:
        over.set()
        watcher.join()
        _look(pid, watch)


def _look(pid: int, watch: Watch) -> None:
    shares, resident = 0.0, 0.0
    for each in family(pid):
        try:
            shares += megabytes(each, "smaps_rollup", "Pss:")
            resident += megabytes(each, "status", "VmRSS:")
            peak = megabytes(each, "status", "VmHWM:")
            kind = "decoder" if is_decoder(each) else "worker"
        except (OSError, StopIteration):  # it ended meanwhile
            continue
        watch.of_each[kind] = max(watch.of_each.get(kind, 0.0), peak)
    watch.together = max(watch.together, shares)
    watch.resident = max(watch.resident, resident)
    watch.looks += 1


if __name__ == "__main__":
    main()
