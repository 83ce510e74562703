"""Writes the reference pages that follow from declarations in the code, when the docs are built."""

from __future__ import annotations

from argparse import Action
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path

from django.core.management import BaseCommand, get_commands, load_command_class

from rindle_django.conf import describe
from rindle_django.errors import CODES
from rindle_django.events import EVENTS
from rindle_django.jobs import JOBS
from rindle_django.operations.doctor import CHECKS
from rindle_django.operations.invariants import INVARIANTS
from rindle_django.operations.status.kinds import KINDS
from rindle_django.profiles import PRESETS, Recipe
from rindle_django.states import MACHINES
from rindle_django.telemetry import METRICS, SPANS
from rindle_django.telemetry.names import ATTRIBUTES, LABELS

_UNITS = {"s": "seconds", "us": "microseconds"}
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


def spans_page() -> str:
    rows = [
        (f"`{each.name}`", each.covers, _codes(name for name in each.attributes))
        for each in SPANS.values()
    ]
    return table(("Span", "Covers", "Attributes"), rows)


def metrics_page() -> str:
    rows = [
        (
            f"`{each.name}`",
            f"`{each.prometheus}`",
            each.kind,
            _UNITS.get(each.unit, each.unit.strip("{}")),
            _codes(each.labels) or "none",
            each.meaning,
        )
        for each in METRICS.values()
    ]
    return table(("Metric", "In Prometheus", "Kind", "Unit", "Labels", "Meaning"), rows)


def labels_page() -> str:
    return table(("Label", "Value"), [(f"`{name}`", text) for name, text in LABELS.items()])


def attributes_page() -> str:
    return table(("Attribute", "Value"), [(f"`{name}`", text) for name, text in ATTRIBUTES.items()])


def kinds_page() -> str:
    rows = [(f"`{each.kind}`", each.subject, each.says, f"`{each.verb}`") for each in KINDS]
    return table(("Kind", "Of", "What it says", "What mends it"), rows)


def presets_page() -> str:
    rows = [
        (f"`{name}`", f"`{_as_written(recipe)}`", f"`{recipe.content_type}`")
        for name, recipe in PRESETS.items()
    ]
    return table(("Preset", "Is the same as", "Makes"), rows)


def _as_written(recipe: Recipe) -> str:
    """The shortest call that gives this recipe."""
    told = [
        f"{each.name}={getattr(recipe, each.name)!r}"
        for each in fields(recipe)
        if each.compare and getattr(recipe, each.name) != each.default
    ]
    return f"{type(recipe).__name__}({', '.join(told)})"


PAGES: dict[str, Callable[[], str]] = {
    "settings": settings_page,
    "events": events_page,
    "errors": errors_page,
    "jobs": jobs_page,
    "states": states_page,
    "invariants": invariants_page,
    "doctor": doctor_page,
    "spans": spans_page,
    "attributes": attributes_page,
    "metrics": metrics_page,
    "labels": labels_page,
    "kinds": kinds_page,
    "presets": presets_page,
}


def commands() -> Iterator[tuple[str, BaseCommand]]:
    for name in sorted(get_commands()):
        if name.startswith("rindle_"):
            yield name, load_command_class("rindle_django", name)


def command_page(name: str, command: BaseCommand) -> str:
    """From what ``--help`` says; Django's own options are left out."""
    usual = {each.dest for each in BaseCommand().create_parser("manage.py", name)._actions}
    actions = command.create_parser("manage.py", name)._actions
    rows = [_described(each) for each in actions if each.dest not in usual]
    options = table(("Option", "Default", "Meaning"), rows) if rows else ""
    return f"# {name}\n\n```console\n$ python manage.py {name}\n```\n\n{command.help}\n\n{options}"


def _described(action: Action) -> tuple[str, str, str]:
    value = "" if action.nargs == 0 or not action.option_strings else f" {_value(action)}"
    flags = ", ".join(f"`{flag}{value}`" for flag in action.option_strings) or f"`{action.dest}`"
    default = "" if action.default is None else f"`{action.default}`"
    return flags, default, (action.help or "") % {"default": action.default, "dest": action.dest}


def _value(action: Action) -> str:
    if action.choices:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return str(action.metavar or action.dest.upper())


def write_pages() -> None:
    (FOLDER / "commands").mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page())
    for old in (FOLDER / "commands").glob("*.md"):
        old.unlink()
    for name, command in commands():
        (FOLDER / "commands" / f"{name}.md").write_text(command_page(name, command))


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
