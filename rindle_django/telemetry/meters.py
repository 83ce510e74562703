"""Recording metrics: the instruments of the declared names, made when first used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.db import transaction

from rindle_django.conf import database
from rindle_django.errors import reason_code
from rindle_django.telemetry.names import BUCKETS, COUNTER, HISTOGRAM, METRICS, SCOPE

try:
    from opentelemetry import metrics

    AVAILABLE = True
except ImportError:  # the extra is not installed
    AVAILABLE = False

OK = "ok"
Label = str | bool | int | float


def measuring() -> bool:
    """Whether anybody has set up metrics; what is recorded until then is lost.

    For what costs a query to know. The API's own providers, proxies and no-ops, keep nothing.
    """
    if not AVAILABLE:
        return False
    return not type(metrics.get_meter_provider()).__module__.startswith("opentelemetry.metrics")


def record(name: str, value: float, labels: Mapping[str, Label] | None = None) -> None:
    """Add to a counter, or to a histogram. All the labels that are declared have to be given."""
    metric, given = METRICS[name], dict(labels or {})
    assert set(given) == set(metric.labels), f"{name} has the labels {metric.labels}"
    if not AVAILABLE:
        return
    at_least_none = max(value, 0)  # clocks of two machines may differ
    if metric.kind == COUNTER:
        _instrument(name).add(at_least_none, given)
    else:
        _instrument(name).record(at_least_none, given)


def record_once_committed(name: str, value: float, labels: Mapping[str, Label]) -> None:
    """``record`` after the outermost commit of the transaction that is open, and not without it."""

    def tell() -> None:  # not a partial: when one raises, Django fails over its missing name
        record(name, value, labels)

    transaction.on_commit(tell, using=database(), robust=True)


class Timing:
    """What is being timed, and how it ends as far as is known."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.outcome = OK

    def failed(self, error: BaseException) -> None:
        self.outcome = reason_code(error)


@contextmanager
def timed(name: str, labels: Mapping[str, Label]) -> Iterator[Timing]:
    """Record how many seconds the block takes, and as ``outcome`` how it ends."""
    timing = Timing()
    try:
        yield timing
    except BaseException as error:
        timing.failed(error)
        raise
    finally:
        record(name, time.perf_counter() - timing.began, {**labels, "outcome": timing.outcome})


@cache
def _instrument(name: str) -> Any:
    metric, meter = METRICS[name], metrics.get_meter(SCOPE)
    about = {"unit": metric.unit, "description": metric.meaning}
    if metric.kind == COUNTER:
        return meter.create_counter(name, **about)
    assert metric.kind == HISTOGRAM, f"{name} is observed, not recorded"
    return meter.create_histogram(
        name, **about, explicit_bucket_boundaries_advisory=BUCKETS[metric.unit]
    )


def observed(name: str, read: Callable[[], Iterable[tuple[float, Mapping[str, str]]]]) -> None:
    """Have a gauge's values and labels read whenever metrics are collected."""
    metric = METRICS[name]

    def observations(_: Any) -> list[Any]:
        return [metrics.Observation(value, labels) for value, labels in read()]

    metrics.get_meter(SCOPE).create_observable_gauge(
        name, [observations], unit=metric.unit, description=metric.meaning
    )
