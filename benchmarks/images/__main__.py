"""How fast photos become three JPEG variants, beside everybody else, in one run.

    python -m benchmarks.images --set large

Contenders take turns, with the same photos, outputs and number of processes. The others are called
straight away and keep no promises; ours goes through uploads, jobs and a durable Postgres.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.images import photos
from benchmarks.images.contenders import CONTENDERS, PEERS
from benchmarks.images.peers import seconds_of

OURS = "rindle-django"


def main() -> None:
    from example_project.services.postgres import running_postgres

    chosen = _parse()
    with tempfile.TemporaryDirectory(prefix="rindle-images-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the database server has a user of its own
        taken = photos.make(folder / "photos", chosen.set, chosen.count)
        with running_postgres(folder / "postgres", database="images") as url:
            os.environ |= {
                "DATABASE_URL": url,
                "DJANGO_SETTINGS_MODULE": "benchmarks.images.settings",
                "BENCHMARK_FOLDER": str(folder),
            }
            times = _measure(taken, chosen.processes, chosen.rounds, folder / "workers.log")
    _tell(times, chosen.count)


def _measure(
    taken: Sequence[Path], processes: int, rounds: int, log: Path
) -> dict[str, list[float]]:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, run_syncdb=True, interactive=False)
    from benchmarks.images import ours

    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        with ours.workers(processes, log):
            ours.seconds_for(taken[:processes])  # loads what the first photo needs
            times[OURS].append(ours.seconds_for(taken))
        for name in CONTENDERS:
            times[name].append(seconds_of(name, taken, processes))
    return times


def _tell(times: dict[str, list[float]], count: int) -> None:
    medians = {name: statistics.median(each) for name, each in times.items()}
    print(f"{'':18} {'ms a photo':>10} {'from':>7} {'to':>7} {'throughput of ours over it':>28}")
    for name, median in sorted(medians.items(), key=lambda each: each[1]):
        low, median_ms, high = (
            seconds / count * 1000 for seconds in (min(times[name]), median, max(times[name]))
        )
        ratio = median / medians[OURS]
        print(f"{name:18} {median_ms:10.1f} {low:7.1f} {high:7.1f} {ratio:28.2f}")
    best = min(medians[name] for name in PEERS)
    print(f"throughput of ours over the best Django peer: {best / medians[OURS]:.2f}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.images")
    parser.add_argument("--set", choices=sorted(photos.SETS), default="large")
    parser.add_argument("--count", type=int, default=24, help="photos")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
