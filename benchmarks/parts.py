"""What every part of the benchmark has in common: how it is called, and how it hands in figures.

A part is a module or a package of this one, run in a process of its own:
``python -m benchmarks.<part> --scale smoke|full --out FILE``.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.targets import TARGETS

# In the order in which they run; a part is known by the figures that it has to hand in.
PARTS = tuple(dict.fromkeys(target.part for target in TARGETS.values()))

Samples = Mapping[str, Sequence[float]]
Details = Mapping[str, float | str]
# Points (x, y) of each curve.
Series = Mapping[str, Sequence[Sequence[float]]]


@dataclass(frozen=True)
class Options:
    """``smoke``: only see that everything works, within seconds."""

    smoke: bool
    out: Path | None


def parse(part: str) -> Options:
    """The options of a part, from its command line."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{part}")
    parser.add_argument("--scale", choices=("smoke", "full"), default="full")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the figures are written")
    chosen = parser.parse_args()
    return Options(smoke=chosen.scale == "smoke", out=chosen.out)


def hand_in(
    options: Options,
    samples: Samples,
    details: Details | None = None,
    series: Series | None = None,
) -> None:
    """Print what was measured, and write it for the collector: one sample a round by each key.

    Raises KeyError for a figure that nobody asked for.
    """
    for key, values in samples.items():
        target = TARGETS[key]
        print(f"{key:32} {_span(values)} {target.unit}")
    for name, value in (details or {}).items():
        print(f"  {name:44} {value if isinstance(value, str) else f'{value:,.3f}'}")
    if options.out is not None:
        everything = {"samples": samples, "details": details or {}, "series": series or {}}
        options.out.write_text(json.dumps(everything, indent=1))


def _span(values: Sequence[float]) -> str:
    return f"{statistics.median(values):12,.3f} ({min(values):,.3f}–{max(values):,.3f})"
