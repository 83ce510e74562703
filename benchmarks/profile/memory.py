"""What the memory of a worker and its decoder consists of."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.processes import family, file_of, is_decoder, megabytes
from benchmarks.site import make_variants, workers


def by_package(small: Path, huge: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Resident megabytes: of the worker by the package whose modules take it, and what comes on top
    at work; of the decoder at rest, and what it grows by at most for ``huge``."""
    place = folder / "imports.json"
    more = {"BENCHMARK_IMPORTS": str(place)}
    with workers(1, folder, more, through="benchmarks.profile.imports") as crew:
        make_variants([small], crew)
        worker = crew.processes[0].pid
        decoder = next(pid for pid in family(worker) if is_decoder(pid))
        whole = megabytes(worker, "smaps_rollup", "Rss:")
        at_rest = megabytes(decoder, "smaps_rollup", "Rss:")
        file_of(decoder, "clear_refs").write_text("5")
        make_variants([huge], crew)
        pixels = megabytes(decoder, "status", "VmHWM:") - at_rest
    packages = json.loads(place.read_text())
    order = sorted(packages, key=packages.__getitem__, reverse=True)
    return {
        "worker": {
            **{name: packages[name] for name in order},
            "what is made at work": whole - sum(packages.values()),
        },
        "decoder": {"interpreter and libraries": at_rest, "pixels": pixels},
    }
