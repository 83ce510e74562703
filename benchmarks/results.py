"""``results.json``: what the last run found, figure by figure."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.targets import Target

PATH = Path(__file__).with_name("results.json")
ROOT = PATH.parents[1]
TOLD_OF = ("Django", "procrastinate", "psycopg", "pyvips", "pyvips-binary", "pillow", "boto3")

Results = dict[str, Any]


def figure(target: Target, samples: Sequence[float]) -> dict[str, Any]:
    value = statistics.median(samples)
    return {
        "what": target.what,
        "unit": target.unit,
        "value": rounded(value),
        "low": rounded(min(samples)),
        "high": rounded(max(samples)),
        "samples": [rounded(each) for each in samples],
        "target": target.limit,
        "sense": target.sense,
        "met": target.met_by(value),
    }


def rounded(value: float) -> float:
    """To four digits that mean something: more would only make every run differ."""
    return float(f"{value:.4g}")


def read() -> Results:
    return json.loads(PATH.read_text()) if PATH.exists() else {}


def write(results: Results) -> None:
    PATH.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def machine() -> dict[str, str | int]:
    """What the figures depend on, the library aside."""
    return {
        "system": platform.platform(terse=True),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "python": platform.python_version(),
        **{name: _version(name) for name in TOLD_OF},
    }


def commit() -> str:
    """What was measured; with a plus if something else than the results had been changed."""
    try:
        name = _git("rev-parse", "--short=10", "HEAD")
        changed = _git("status", "--porcelain", "--", ".", f":!{PATH.relative_to(ROOT)}")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("+" if changed else "")


def table(results: Results) -> str:
    rows = [
        ("figure", "median", "low to high", "target", ""),
        *(
            (
                each["what"],
                f"{shown(each['value'])} {each['unit']}",
                f"{shown(each['low'])} to {shown(each['high'])}",
                aim(each),
                verdict(each),
            )
            for each in results["figures"].values()
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, 4) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def shown(value: float) -> str:
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def aim(each: dict[str, Any]) -> str:
    if each["target"] is None:
        return "–"
    sign = "≥" if each["sense"] == "at_least" else "≤"
    return f"{sign} {shown(each['target'])} {each['unit']}".rstrip()


def verdict(each: dict[str, Any]) -> str:
    if each["target"] is None:
        return ""
    return "met" if each["met"] else "MISSED"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()
