"""The demo's report: what happened to each photo, with times from the history the rows keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from example_project.visit.journey import Download, Journey
from rindle_django.models import Transition, Variant

COLUMNS = ("what", "state", "format", "pixels", "bytes", "made in", "signed URL")
RIGHT = frozenset({"bytes", "made in"})
URL_SHOWN = 34


def report(journey: Journey) -> Iterator[str]:
    """Lines for the terminal."""
    size = f"{journey.photo.stat().st_size:,} bytes"
    yield f"{journey.photo.name}  {size}  {journey.state} after {journey.seconds:.2f} s"
    if journey.reason:
        yield f"  reason    {journey.reason}"
    if journey.asset:
        yield from _history(journey.asset["id"])
    if journey.downloads:
        yield ""
        yield from _table(journey)
    yield ""


def verdict(journeys: Sequence[Journey]) -> str:
    """One line that says whether everything went as it should."""
    wrong = [journey.photo.name for journey in journeys if not journey.as_expected]
    if wrong:
        return f"FAILED: not as expected: {', '.join(wrong)}"
    good = [journey for journey in journeys if not journey.broken]
    made = sum(len(journey.downloads) - 1 for journey in good)
    parts = [f"{_count(len(good), 'file')} ready, {_count(made, 'variant')} made and fetched"]
    if refused := len(journeys) - len(good):
        parts.append(f"{_count(refused, 'broken file')} refused with a reason")
    return f"OK: {'; '.join(parts)}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _history(asset_id: str) -> Iterator[str]:
    """The states of session and asset, in milliseconds since the first."""
    rows = list(Transition.objects.filter(asset_id=asset_id).order_by("id"))
    if not rows:
        return
    began = min(row.at for row in rows)
    for subject in ("session", "asset"):
        steps = [row for row in rows if row.subject == subject]
        shown = " → ".join(f"{row.to_state} {_ms(began, row.at)}" for row in steps)
        if shown:
            yield f"  {subject:<8}  {shown} ms"


def _table(journey: Journey) -> Iterator[str]:
    took = _made_in(journey.asset["id"])
    rows = [_cells(download, took) for download in journey.downloads]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    for row in (COLUMNS, *rows):
        cells = (_pad(*cell) for cell in zip(COLUMNS, row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()
    for download in journey.downloads:
        if download.problem:
            yield f"  {download.name}: {download.problem}"


def _cells(download: Download, took: dict[str, int]) -> tuple[str, ...]:
    made_in = f"{took[download.name]} ms" if download.name in took else ""
    length = f"{download.byte_size:,}"
    url = _shortened(download.url)
    return (
        download.name,
        download.state,
        download.format,
        download.pixels,
        length,
        made_in,
        url,
    )


def _made_in(asset_id: str) -> dict[str, int]:
    """Milliseconds from the start of the attempt that succeeded to its publication."""
    names = dict(Variant.objects.filter(asset__id=asset_id).values_list("pk", "name"))
    rows = Transition.objects.filter(asset_id=asset_id, subject="variant").order_by("id")
    times: dict[str, dict[str, datetime]] = defaultdict(dict)
    for row in rows:
        times[names[row.subject_id]][row.to_state] = row.at
    return {
        name: _ms(states["processing"], states["ready"])
        for name, states in times.items()
        if "processing" in states and "ready" in states
    }


def _ms(since: datetime, at: datetime) -> int:
    return round((at - since).total_seconds() * 1000)


def _pad(column: str, cell: str, width: int) -> str:
    return cell.rjust(width) if column in RIGHT else cell.ljust(width)


def _shortened(url: str) -> str:
    """Without the host where that is the site itself, and cut: it is a secret while it lives."""
    path = urlsplit(url)._replace(scheme="", netloc="").geturl()
    return path if len(path) <= URL_SHOWN else f"{path[: URL_SHOWN - 1]}…"
