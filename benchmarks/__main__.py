"""Measures the library, part by part, and compares what it finds with what is aimed at.

    python -m benchmarks
    python -m benchmarks --smoke --only images,latency

Writes ``results.json``, and after a full run the pages that tell of it. Exits with 1 if a part
failed or left out a figure; a target that was missed is told in the table.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import report, results
from benchmarks.parts import PARTS
from benchmarks.targets import TARGETS

# Seconds after which a part counts as failed.
PATIENCE = {"smoke": 240.0, "full": 1800.0}


class PartFailed(Exception):
    pass


def main() -> int:
    chosen = _parse()
    scale = "smoke" if chosen.smoke else "full"
    handed_in: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    failures = []
    for part in chosen.only:
        print(f"=== {part}", flush=True)
        began = time.monotonic()
        try:
            handed_in[part] = _run(part, scale)
        except PartFailed as failure:
            failures.append(f"{part}: {failure}")
            print(failures[-1], flush=True)
        seconds[part] = round(time.monotonic() - began)
        print(f"({seconds[part]:.0f} s)", flush=True)
    found = _found(handed_in, scale, seconds)
    results.write(found)
    print(f"\n{results.table(found)}\n")
    if chosen.smoke:
        print("A smoke run: its figures mean nothing. git checkout benchmarks/results.json")
    else:
        report.write(found)
    for line in failures:
        print(f"FAILED: {line}")
    return 1 if failures else 0


def _run(part: str, scale: str) -> Any:
    """What a part hands in. Raises PartFailed."""
    with tempfile.TemporaryDirectory(prefix="rindle-benchmark-") as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "-m", f"benchmarks.{part}", "--scale", scale, "--out", str(out)]
        process = subprocess.Popen(command, cwd=results.ROOT, start_new_session=True)
        try:
            code = process.wait(PATIENCE[scale])
        except subprocess.TimeoutExpired:
            raise PartFailed(f"not done after {PATIENCE[scale]:.0f} s") from None
        finally:
            _end(process)
        if code != 0:
            raise PartFailed(f"exit code {code}")
        if not out.exists():
            raise PartFailed("nothing was handed in")
        handed_in = json.loads(out.read_text())
    _check(part, handed_in["samples"])
    return handed_in


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupted first, so that it can stop what it has started."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _check(part: str, samples: dict[str, list[float]]) -> None:
    expected = {key for key, target in TARGETS.items() if target.part == part}
    if missing := sorted(key for key in expected if not samples.get(key)):
        raise PartFailed(f"figures are missing: {', '.join(missing)}")
    if strange := sorted(samples.keys() - expected):
        raise PartFailed(f"figures that are not its own: {', '.join(strange)}")


def _found(handed_in: dict[str, Any], scale: str, seconds: dict[str, float]) -> results.Results:
    """Along with what an earlier run of the same scale found by the parts that are not in this."""
    earlier = results.read()
    if earlier.get("scale") != scale:
        earlier = {}
    commit = results.commit()
    samples = {
        key: values for each in handed_in.values() for key, values in each["samples"].items()
    }
    figures = {}
    for key, target in TARGETS.items():
        if key in samples:
            figures[key] = results.figure(target, samples[key])
        elif target.part not in seconds and key in earlier.get("figures", {}):
            figures[key] = earlier["figures"][key]
    of_parts = {part: {"commit": commit, "seconds": seconds[part]} for part in seconds}
    kept = {part: each for part, each in earlier.get("parts", {}).items() if part not in seconds}

    def gathered(name: str) -> dict[str, Any]:
        old = {part: each for part, each in earlier.get(name, {}).items() if part in kept}
        new = {part: each[name] for part, each in handed_in.items()}
        return {part: (old | new)[part] for part in PARTS if part in old | new}

    return {
        "machine": results.machine(),
        "commit": commit,
        "scale": scale,
        "parts": {part: (kept | of_parts)[part] for part in PARTS if part in kept | of_parts},
        "figures": figures,
        "details": gathered("details"),
        "series": gathered("series"),
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--smoke", action="store_true", help="only see that everything works")
    parser.add_argument(
        "--only", type=_parts, default=list(PARTS), metavar="PARTS", help=", ".join(PARTS)
    )
    return parser.parse_args()


def _parts(value: str) -> list[str]:
    chosen = value.split(",")
    if strange := [each for each in chosen if each not in PARTS]:
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(strange)}")
    return [part for part in PARTS if part in chosen]


if __name__ == "__main__":
    sys.exit(main())
