"""Every one of the sixteen is emitted by a real flow."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from rindle_django.events import EVENTS
from rindle_django.testing import recorded_events
from tests.telemetry.emitters import named_in, patterns
from tests.telemetry.exercised import FLOWS
from tests.telemetry.test_contract import CONTRACT

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_each_event_has_a_flow():
    assert FLOWS.keys() == CONTRACT.keys() == EVENTS.keys()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("event", FLOWS)
def test_a_real_flow_tells_of_it__W2_4(event: str):
    with recorded_events() as recorder:
        FLOWS[event]()
    assert recorder.named(event)
    for metadata in recorder.named(event):
        assert set(metadata) >= CONTRACT[event]


@pytest.mark.parametrize("event", FLOWS)
def test_what_has_a_flow_has_an_emitter(event: str):
    assert named_in(event) != []


def test_composed_names_are_found_too():
    found = {pattern for _, pattern in patterns()}
    assert r"rindle\.[a-z_.]+\.state_change" in found
    assert named_in("rindle.asset.state_change")
    assert not named_in("rindle.asset.state_changed")


def declared() -> ModuleType:
    spec = importlib.util.spec_from_file_location("declared", DOCS / "declared.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(page: str) -> list[list[str]]:
    """The cells of a Markdown table, without its head."""
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|")]
    return [[cell.replace("`", "").replace("\\|", "|") for cell in line] for line in lines[2:]]


def test_the_documented_table_is_the_contract():
    table = rows(declared().events_page())
    assert {name: set(keys.split(", ")) for name, _, _, keys in table} == CONTRACT
    assert len(table) == 16
    for name, signal, when, _ in table:
        assert signal == EVENTS[name].signal_name
        assert when == EVENTS[name].emitted_when
    page = (DOCS / "reference" / "events.md").read_text()
    assert "generated/events.md" in page
    assert not re.search(r"`rindle\.\w", page)  # no second list beside the generated one


def test_spans_and_metrics_are_documented_from_their_declarations():
    from rindle_django.telemetry import METRICS, SPANS

    pages = declared()
    assert [row[0] for row in rows(pages.spans_page())] == list(SPANS)
    table = rows(pages.metrics_page())
    assert [row[0] for row in table] == list(METRICS)
    assert [row[1] for row in table] == [metric.prometheus for metric in METRICS.values()]
    for name in ("spans", "metrics", "labels", "attributes"):
        assert f"generated/{name}.md" in (DOCS / "reference" / "telemetry.md").read_text()
