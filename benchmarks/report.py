"""Writes what ``results.json`` says into the pages that tell of it, and draws the plots.

    python -m benchmarks.report

A full run does this by itself. Exits with 1 for the results of a smoke run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.explanations import why
from benchmarks.profile.tables import layers, tables
from benchmarks.results import ROOT, Results, aim, shown, verdict

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
README = Path(__file__).with_name("README.md")
PAGE = ROOT / "docs" / "explanation" / "speed.md"

OURS = "rindle-django"
OURS_COLOUR, OTHERS_COLOUR = "#0a7d55", "#9aa5b1"
SETS = {"large": "12–20 megapixels", "small": "1 megapixel"}


def main() -> int:
    found = results.read()
    if found.get("scale") != "full":
        print("There are no results of a full run: make bench")
        return 1
    write(found)
    return 0


def write(found: Results) -> None:
    """The table in both pages, and each plot for which there are figures."""
    profile = found["details"].get("profile")
    text = f"{table(found)}\n{misses(found)}{tables(profile) if profile else ''}{origin(found)}"
    _put(README, text)
    drawn = [f"![{what}]({path.name})" for path, what in draw(found, PAGE.parent).items()]
    _put(PAGE, "\n\n".join([text.rstrip(), *drawn]) + "\n")


def table(found: Results) -> str:
    lines = [
        "| Figure | Median | Lowest to highest | Target | |",
        "|---|--:|--:|--:|---|",
    ]
    for each in found["figures"].values():
        median = f"{shown(each['value'])} {each['unit']}".rstrip()
        span = f"{shown(each['low'])} to {shown(each['high'])}"
        lines.append(
            f"| {each['what']} | {median} | {span} | {aim(each)} | {verdict(each).lower()} |"
        )
    return "\n".join(lines) + "\n"


def misses(found: Results) -> str:
    """A line for each target that is missed, with the reason for it."""
    lines = [
        f"- {each['what']}: {why(key, found['details'])}"
        for key, each in found["figures"].items()
        if not each["met"]
    ]
    return "Missed, and why:\n\n" + "\n".join(lines) + "\n\n" if lines else ""


def origin(found: Results) -> str:
    machine = found["machine"]
    return (
        f"Measured on {machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB,"
        f" {machine['system']}, Python {machine['python']}; commit {found['commit']}.\n"
    )


def _put(page: Path, text: str) -> None:
    before, _, rest = page.read_text().partition(BEGIN)
    _, marker, after = rest.partition(END)
    if not marker:
        raise ValueError(f"{page} has no place for the results")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


# --- plots ---------------------------------------------------------------------------------------


def draw(found: Results, folder: Path) -> dict[Path, str]:
    """The plots that were written, with what each shows. The same figures give the same bytes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(
        {
            "svg.hashsalt": "rindle-django",
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    written: dict[Path, str] = {}
    details = found["details"].get("images", {})
    profile = found["details"].get("profile", {})
    series = found["series"].get("scaling", {})
    if details:
        path = folder / "speed-images.svg"
        _save(path, (7.5, 3.2), lambda axes: _bars(axes, details), columns=len(SETS))
        written[path] = "Milliseconds a photo of every contender"
    if profile:
        path = folder / "speed-profile.svg"
        _save(path, (9.5, 3.6), lambda axes: _layers(axes, profile), columns=len(SETS))
        written[path] = "Milliseconds of processors a photo by layer"
    if series:
        path = folder / "speed-scaling.svg"
        _save(path, (5.0, 3.2), lambda axes: _curves(axes[0], series))
        written[path] = "Photos a second by the number of worker processes"
    return written


def _save(
    path: Path,
    size: tuple[float, float],
    paint: Callable[[Sequence[Any]], None],
    columns: int = 1,
) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, columns, figsize=size, squeeze=False, layout="constrained")
    paint(axes[0])
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n")


def _bars(axes: Sequence[Any], details: Mapping[str, float]) -> None:
    """What is fastest is on top."""
    for each, (which, title) in zip(axes, SETS.items(), strict=True):
        prefix = f"{which}.ms."
        times = sorted(
            (
                (value, name.removeprefix(prefix))
                for name, value in details.items()
                if name.startswith(prefix)
            ),
            reverse=True,
        )
        names = [name for _, name in times]
        bars = each.barh(
            names,
            [value for value, _ in times],
            color=[OURS_COLOUR if name == OURS else OTHERS_COLOUR for name in names],
        )
        each.bar_label(bars, labels=[f"{value:,.0f}" for value, _ in times], padding=3)
        each.margins(x=0.15)
        each.set_title(title)
        each.set_xlabel("ms a photo")


def _layers(axes: Sequence[Any], profile: Mapping[str, float]) -> None:
    """What takes most is on top; ours is what we have written."""
    for each, (which, title) in zip(axes, SETS.items(), strict=True):
        amounts = dict(reversed(layers(profile, which).items()))
        bars = each.barh(
            list(amounts),
            list(amounts.values()),
            color=[OURS_COLOUR if name.startswith("ours") else OTHERS_COLOUR for name in amounts],
        )
        each.bar_label(bars, labels=[f"{value:.1f}" for value in amounts.values()], padding=3)
        each.margins(x=0.15)
        each.set_title(title)
        each.set_xlabel("ms of processors a photo")


def _curves(axes: Any, series: Mapping[str, Sequence[Sequence[float]]]) -> None:
    for (name, points), marker in zip(series.items(), "os^vDP", strict=False):
        axes.plot(*zip(*points, strict=True), marker=marker, label=f"storage {name}")
    axes.set_xticks(sorted({point[0] for points in series.values() for point in points}))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("worker processes")
    axes.set_ylabel("photos a second")
    axes.legend(frameon=False)


if __name__ == "__main__":
    sys.exit(main())
