"""The ready-made dashboard and alerts speak of what the library really exports, and of nothing
else: names and labels are those that Prometheus gets from OpenTelemetry's own exporter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from django.utils.text import slugify
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rindle_django import observe
from rindle_django.events import EVENTS
from rindle_django.telemetry import METRICS
from rindle_django.telemetry.names import COUNTER, GAUGE, HISTOGRAM
from tests.storms import Sky
from tests.telemetry.exercised import FLOWS
from tests.telemetry.flows import live_wide

pytestmark = pytest.mark.django_db(transaction=True)
DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER = DOCS / "observability"
# Grafana's own variables, as a moment and a choice of its user would fill them in.
FILLED = {"$__rate_interval": "5m", "$__range": "6h", "$profile": ".*"}
# Added by OpenTelemetry and by Prometheus to every series.
THEIRS = re.compile("otel_scope_.*|job|instance|le")


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    return found


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def questions() -> list[tuple[str, str]]:
    """Every PromQL expression, with where it is."""
    asked = [(f"panel {p['title']}", t["expr"]) for p in panels() for t in p["targets"]]
    return [*asked, *((f"alert {rule['alert']}", rule["expr"]) for rule in alerts())]


def filled_in(expression: str) -> str:
    for variable, value in FILLED.items():
        expression = expression.replace(variable, value)
    return expression


def nodes(expression: str) -> list[promql.Expr]:
    found: list[promql.Expr] = []
    promql.walk(promql.parse(filled_in(expression)), found.append)
    return found


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric's name, and the labels that are asked of it."""
    for node in nodes(expression):
        if isinstance(node, promql.VectorSelector):
            assert node.name, f"a selector without a name in {expression}"
            yield node.name, {matcher.name for matcher in node.matchers.matchers}


def grouped(expression: str) -> set[str]:
    """Labels that aggregations and matchings are by."""
    said = re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", expression)
    return {label.strip() for labels in said for label in labels.split(",") if label.strip()}


@pytest.fixture
def exported(measured: InMemoryMetricReader, sky: Sky) -> dict[str, set[str]]:
    """Name and labels of every series after a real flow, as Prometheus scrapes them."""
    observe()
    live_wide(sky)
    for flow in FLOWS.values():
        flow()
    return scraped()


def scraped() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(generate_latest(REGISTRY).decode()):
        for sample in family.samples:
            labels = {label for label in sample.labels if not THEIRS.fullmatch(label)}
            found.setdefault(sample.name, set()).update(labels)
    return {name: labels for name, labels in found.items() if name.startswith("rindle_")}


@cache
def declared() -> dict[str, set[str]]:
    suffixes = {COUNTER: ("",), GAUGE: ("",), HISTOGRAM: ("_bucket", "_sum", "_count")}
    return {
        each.prometheus + suffix: set(each.labels)
        for each in METRICS.values()
        for suffix in suffixes[each.kind]
    }


def test_names_in_prometheus_are_those_that_are_declared(exported: dict[str, set[str]]):
    scrapes = {name: labels for name, labels in exported.items() if not name.endswith("_created")}
    assert scrapes == declared()


def test_dashboard_and_alerts_ask_only_for_what_is_declared():
    exported = declared()  # the test above sees to it that this is so
    for where, expression in questions():
        known: set[str] = set()
        for name, labels in selectors(expression):
            assert name in exported, f"{where}: nothing exports {name}"
            assert labels <= exported[name], f"{where}: {name} has no {labels - exported[name]}"
            known |= exported[name]
        assert grouped(expression) <= known | {"le"}, where


def test_templates_of_panels_and_alerts_name_labels_that_the_answer_has():
    for panel in panels():
        for target in panel["targets"]:
            used = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))
            assert used <= grouped(target["expr"]), panel["title"]
    for rule in alerts():
        used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert used <= grouped(rule["expr"]), rule["alert"]


def test_an_unknown_name_or_label_would_be_noticed():
    for expression, wrong in (
        ("sum(rate(rindle_uploads_total[5m]))", "rindle_uploads_total"),
        ("rindle_queue_jobs{queues='x'}", "queues"),
    ):
        ((name, labels),) = selectors(expression)
        known = declared()
        assert wrong in ({name} - known.keys()) | (labels - known.get(name, labels))


def test_quantiles_are_of_buckets_and_rates_of_counters():
    """A rate of a gauge, or a quantile of a sum, is an answer to no question."""
    gauges = {metric.prometheus for metric in METRICS.values() if metric.kind == GAUGE}
    for where, expression in questions():
        for node in nodes(expression):
            if isinstance(node, promql.Call) and node.func.name in ("rate", "increase"):
                for name, _ in selectors(str(node)):
                    assert name not in gauges, where
            if isinstance(node, promql.Call) and node.func.name == "histogram_quantile":
                for name, _ in selectors(str(node)):
                    assert name.endswith("_bucket"), where
                assert "le" in grouped(str(node)), where


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_each_alert_says_what_it_means_what_to_type_and_where_to_read(rule: dict[str, Any]):
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"]["severity"] in ("warning", "critical")
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "command", "runbook_url"}
    assert re.match(r"manage\.py rindle_\w+", annotations["command"])
    page, _, anchor = annotations["runbook_url"].partition("#")
    headings = re.findall(r"^## (.+)$", (DOCS.parent / page).read_text(), re.MULTILINE)
    assert anchor in {slugify(heading) for heading in headings}


def test_the_runbook_has_an_entry_for_each_alert_and_for_nothing_else():
    headings = re.findall(r"^## (.+)$", (DOCS / "how-to" / "alerts.md").read_text(), re.MULTILINE)
    assert headings == [rule["alert"] for rule in alerts()]


def test_every_metric_of_work_and_state_is_on_the_dashboard():
    shown = {
        name for panel in panels() for t in panel["targets"] for name, _ in selectors(t["expr"])
    }
    events = tuple(event.replace(".", "_") for event in EVENTS)
    missing = {
        name
        for name in declared()
        if not name.startswith(events) and not re.search("_(sum|count|bucket)$", name)
    } - shown
    assert missing == {"rindle_overdue_age_seconds"}  # an alert's
    histograms = {m.prometheus for m in METRICS.values() if m.kind == HISTOGRAM}
    for name in histograms:
        if not name.startswith(events):
            assert shown & {f"{name}_bucket", f"{name}_count"}, name


def test_panels_have_titles_units_and_places_of_their_own():
    found = panels()
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])
    assert len({panel["title"] for panel in found}) == len(found)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in found}
    assert len(places) == len(found)
    for panel in found:
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"] in ("ops", "s", "short")
