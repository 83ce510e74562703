"""When each step begins and ends on the way to the variants of a photo, with a worker at rest: the
library's own spans."""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.site import Ear, arrived, make_variants, verify, workers

WARM_UP = 2
# Until the worker has put everything away after a photo.
REST = 0.5


def steps(taken: Sequence[Path], folder: Path) -> dict[str, dict[str, float]]:
    """Milliseconds from the call of ``verify_upload``: when each span begins, and when it ends."""
    place = folder / "spans"
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with workers(1, folder, {"BENCHMARK_SPANS": str(place)}) as crew:
        make_variants(taken[:WARM_UP], crew)
        for photo in taken[WARM_UP:]:
            time.sleep(REST)
            before = place.stat().st_size
            ticket = arrived(photo)
            began = time.time()
            with Ear() as ear:
                identity = verify(ticket)
                verified = time.time()
                ear.all_ready([identity])
            time.sleep(REST)
            found["verify_upload"].append((0.0, (verified - began) * 1000))
            for name, times in _spans(place, before, began).items():
                found[name].append(times)
    photos = len(found["verify_upload"])
    medians = {  # of what most photos have
        name: (statistics.median(begins), statistics.median(ends))
        for name, times in found.items()
        if 2 * len(times) > photos
        for begins, ends in [zip(*times, strict=True)]
    }
    order = sorted(medians, key=medians.__getitem__)
    return {
        "begins": {name: medians[name][0] for name in order},
        "ends": {name: medians[name][1] for name in order},
    }


def _spans(place: Path, start: int, zero: float) -> dict[str, tuple[float, float]]:
    """Those of one photo; several of a name are numbered."""
    with place.open() as lines:
        lines.seek(start)
        spans = sorted((json.loads(line) for line in lines), key=lambda span: float(span[1]))
    several = Counter(name for name, _, _ in spans)
    met: Counter[str] = Counter()
    found = {}
    for name, begun, ended in spans:
        met[name] += 1
        label = f"{name} {met[name]}" if several[name] > 1 else name
        found[label] = ((begun - zero) * 1000, (ended - zero) * 1000)
    return found
