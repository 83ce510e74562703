"""What every part of the benchmark shares: how it is called, and how it hands in its figures."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """``smoke``: small and quick; ``out``: the file to write the figures to, if any."""

    smoke: bool
    out: Path | None


def parse(part: str) -> Options:
    """The command line of ``python -m benchmarks.<part>``."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{part}")
    parser.add_argument("--scale", choices=("smoke", "full"), default="full")
    parser.add_argument("--out", type=Path, metavar="FILE")
    given = parser.parse_args()
    return Options(given.scale == "smoke", given.out)


def hand_in(
    options: Options,
    samples: Mapping[str, Sequence[float]],
    details: Mapping[str, float | str] | None = None,
    series: Mapping[str, Sequence[Sequence[float]]] | None = None,
) -> None:
    """Write the figures down where the collector reads them."""
    if options.out is not None:
        figures = {"samples": samples, "details": details or {}, "series": series or {}}
        options.out.write_text(json.dumps(figures, indent=2))
