"""Writes the reference pages that follow from declarations in the code, when the docs are built."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from rindle_django.conf import describe
from rindle_django.errors import CODES
from rindle_django.events import EVENTS
from rindle_django.jobs import JOBS
from rindle_django.operations.doctor import CHECKS
from rindle_django.operations.invariants import INVARIANTS
from rindle_django.operations.status.kinds import KINDS
from rindle_django.states import MACHINES

FOLDER = Path(__file__).parent / "reference" / "generated"


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    lines = [list(header), ["---"] * len(list(header)), *rows]
    cells = [" | ".join(str(cell).replace("|", "\\|") for cell in line) for line in lines]
    return "\n".join(f"| {line} |" for line in cells) + "\n"


def settings_page() -> str:
    rows = [(f"`{name}`", f"`{default!r}`", doc) for name, default, doc in describe()]
    return table(("Setting", "Default", "Meaning"), rows)


def events_page() -> str:
    rows = [
        (f"`{event.name}`", f"`{event.signal_name}`", event.emitted_when, _codes(event.required))
        for event in EVENTS.values()
    ]
    return table(("Event", "Signal", "Emitted when", "Required metadata"), rows)


def errors_page() -> str:
    rows = [
        (f"`{name}`", code.kind.value, code.status, f"`{code.text}`")
        for name, code in sorted(CODES.items())
    ]
    return table(("Code", "Kind", "HTTP status", "Message"), rows)


def jobs_page() -> str:
    rows = [(f"`{job.name}`", f"`{job.queue}`", job.tries) for job in JOBS]
    return table(("Task", "Queue", "Tries"), rows)


def states_page() -> str:
    pages = []
    for machine in MACHINES.values():
        rows = [(f"`{a}`", _codes(sorted(b)) or "ends here") for a, b in machine.edges.items()]
        wished = ", ".join(f"`{edge}`" for edge in sorted(machine.on_request))
        note = f"\nOnly on somebody's request: {wished}.\n" if wished else ""
        pages.append(f"## {machine.name.title()}\n\n{table(('From', 'To'), rows)}{note}")
    return "\n".join(pages)


def invariants_page() -> str:
    rows = [
        (f"`{each.name}`", each.says, "at rest" if each.at_rest else "always")
        for each in INVARIANTS
    ]
    return table(("Invariant", "Says", "Holds"), rows)


def doctor_page() -> str:
    rows = [
        (f"`{check.id}`", check.component, check.looks_at, "yes" if check.deep else "")
        for check in CHECKS
    ]
    return table(("Check", "Component", "Looks at", "Deep"), rows)


def kinds_page() -> str:
    rows = [(f"`{each.kind}`", each.subject, each.says, f"`{each.verb}`") for each in KINDS]
    return table(("Kind", "Of", "What it says", "What mends it"), rows)


PAGES: dict[str, Callable[[], str]] = {
    "settings": settings_page,
    "events": events_page,
    "errors": errors_page,
    "jobs": jobs_page,
    "states": states_page,
    "invariants": invariants_page,
    "doctor": doctor_page,
    "kinds": kinds_page,
}


def write_pages() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page())


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
